//! From a header's forms and spacing to the place of its voxels.

use crate::support::{error, file, label_file, put};
use medseg_volume::{Dhw, read_info};

#[test]
fn sform_comes_before_qform_and_qform_before_spacing() {
    let mut bytes = label_file();
    put(&mut bytes, 252, 1i16.to_le_bytes());
    // A quaternion that turns by 180° about x, and an offset.
    put(&mut bytes, 256, 1f32.to_le_bytes());
    put(&mut bytes, 268, 5f32.to_le_bytes());
    let orientation = |bytes: &[u8]| read_info(&file("a.nii", bytes).path).unwrap().geometry.orientation().to_string();
    assert_eq!(orientation(&bytes), "RAS");
    put(&mut bytes, 254, 0i16.to_le_bytes());
    assert_eq!(orientation(&bytes), "RPI");
    put(&mut bytes, 76, (-1f32).to_le_bytes());
    assert_eq!(orientation(&bytes), "RPS");
    put(&mut bytes, 252, 0i16.to_le_bytes());
    assert_eq!(orientation(&bytes), "LAS");
}

#[test]
fn a_negative_form_code_is_none() {
    for at in [252, 254] {
        let mut bytes = label_file();
        put(&mut bytes, 254, 0i16.to_le_bytes());
        let plain = read_info(&file("a.nii", &bytes).path).unwrap().geometry;
        put(&mut bytes, at, (-1i16).to_le_bytes());
        assert_eq!(read_info(&file("a.nii", &bytes).path).unwrap().geometry, plain);
    }
}

#[test]
fn voxel_sizes_have_no_sign_and_0_counts_as_1() {
    for (size, want) in [(-2.5f32, 2.5), (0.0, 1.0), (2.5, 2.5)] {
        for qform in [0i16, 1] {
            let mut bytes = label_file();
            put(&mut bytes, 84, size.to_le_bytes());
            put(&mut bytes, 252, qform.to_le_bytes());
            put(&mut bytes, 254, 0i16.to_le_bytes());
            let geometry = read_info(&file("a.nii", &bytes).path).unwrap().geometry;
            assert_eq!(geometry.affine()[1][1], want, "pixdim {size}, qform {qform}");
            assert_eq!(geometry.spacing(), Dhw { d: 3.0, h: want, w: 1.0 });
        }
    }
}

#[test]
fn a_quaternion_longer_than_1_is_shortened() {
    for scale in [1.0f32, 1.000_001, 1.5] {
        let mut bytes = label_file();
        put(&mut bytes, 252, 1i16.to_le_bytes());
        put(&mut bytes, 254, 0i16.to_le_bytes());
        // Half a turn about (0.6, 0.8, 0): x' = -0.28 x + 0.96 y, y' = 0.96 x + 0.28 y, z' = -z.
        put(&mut bytes, 256, (0.6 * scale).to_le_bytes());
        put(&mut bytes, 260, (0.8 * scale).to_le_bytes());
        let affine = read_info(&file("a.nii", &bytes).path).unwrap().geometry.affine();
        let want = [[-0.28, 0.96 * 2.0, 0.0], [0.96, 0.28 * 2.0, 0.0], [0.0, 0.0, -3.0]];
        for (got, want) in affine.iter().zip(want) {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{affine:?}");
        }
    }
}

#[test]
fn a_singular_or_broken_geometry_is_an_error() {
    for (at, value) in [(280, 0.0f32), (284, f32::NAN), (292, f32::INFINITY)] {
        let mut bytes = label_file();
        put(&mut bytes, at, value.to_le_bytes());
        assert!(error(&bytes).contains("affine"), "{at}");
    }
}
