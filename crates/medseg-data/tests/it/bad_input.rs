//! Odd and broken cases: a defined result, or an error that names the case.

use std::path::Path;

use medseg_data::{Case, DataError, check_case};
use medseg_volume::{Dhw, Geometry, Volume, error_chain, write_image, write_label};
use ndarray::Array3;
use tempfile::tempdir;

fn write(folder: &Path, image: Array3<f32>, label: Array3<u8>, label_origin: f64) -> Case {
    let geometry = Geometry::from_spacing(Dhw { d: 3.0, h: 1.0, w: 1.0 }).unwrap();
    let mut affine = geometry.affine();
    affine[0][3] = label_origin;
    let case = Case::new("liver_7", folder.join("scan.nii"), Some(folder.join("mask.nii")));
    write_image(&case.image, &Volume::new(image, geometry)).unwrap();
    let label = Volume::new(label, Geometry::from_affine(affine).unwrap());
    write_label(folder.join("mask.nii"), &label).unwrap();
    case
}

fn messages(case: &Case) -> [String; 2] {
    let text = |error: DataError| error_chain(&error);
    [check_case(case).map_or_else(text, |_| "fine".into()), case.read().map_or_else(text, |_| "fine".into())]
}

#[test]
fn voxels_that_are_not_finite_are_read_as_they_are() {
    let folder = tempdir().unwrap();
    let mut image = Array3::from_shape_fn((1, 5, 6), |(_, y, x)| (y * x) as f32);
    image[[0, 1, 1]] = f32::NAN;
    let case = write(folder.path(), image, Array3::zeros((1, 5, 6)), 0.0);
    assert!(case.read().unwrap().image[[0, 0, 1, 1]].is_nan());
}

#[test]
fn errors_name_the_case_and_the_file() {
    let folder = tempdir().unwrap();
    let good = write(folder.path(), Array3::zeros((2, 3, 4)), Array3::ones((2, 3, 4)), 0.0);
    assert_eq!(messages(&good), ["fine", "fine"]);

    let missing = Case { label: Some(folder.path().join("gone.nii")), ..good.clone() };
    for message in messages(&missing) {
        assert!(message.starts_with("case liver_7: ") && message.contains("gone.nii"), "{message}");
    }
    // A label beside the image lies on another grid; its array alone would do.
    let beside = write(folder.path(), Array3::zeros((2, 3, 4)), Array3::ones((2, 3, 4)), 500.0);
    let [check, read] = messages(&beside);
    assert!(check.starts_with("case liver_7: ") && check.contains("first voxel") && read == "fine");
    let larger = write(folder.path(), Array3::zeros((2, 3, 4)), Array3::ones((2, 3, 5)), 0.0);
    for message in messages(&larger) {
        assert!(message.starts_with("case liver_7: ") && message.contains("2x3x4 against 2x3x5"), "{message}");
    }
}

/// A header of zero spacing without forms says nothing of the place; the reader's rule for it, whatever it is, must be a
/// defined grid or an error, and never a panic.
#[test]
fn zero_spacing_and_damaged_headers_are_defined() {
    let folder = tempdir().unwrap();
    let good = write(folder.path(), Array3::zeros((2, 3, 4)), Array3::ones((2, 3, 4)), 0.0);
    let bytes = std::fs::read(&good.image).unwrap();
    let put = |changes: &[(usize, &[u8])]| {
        let mut bytes = bytes.clone();
        for (at, value) in changes {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        std::fs::write(&good.image, bytes).unwrap();
    };
    // pixdim[1] = 0, no qform, no sform.
    put(&[(80, &[0; 4]), (252, &[0; 4])]);
    match check_case(&Case { label: None, ..good.clone() }) {
        Ok(info) => assert!(info.geometry.spacing().w > 0.0 && !info.warnings.is_empty()),
        Err(error) => assert!(error_chain(&error).starts_with("case liver_7: "), "{error}"),
    }
    // An sform that is singular, and one that is not finite.
    for value in [0f32, f32::NAN] {
        let zero = value.to_le_bytes();
        put(&[(252, &[0, 0]), (280, &zero), (284, &zero), (288, &zero)]);
        match check_case(&good) {
            Ok(info) => assert!(info.geometry.affine().iter().flatten().all(|v| v.is_finite())),
            Err(error) => assert!(error_chain(&error).starts_with("case liver_7: "), "{error}"),
        }
    }
    for at in 0..352 {
        for value in [0, 0x7f, 0xff] {
            put(&[(at, &[value])]);
            for message in messages(&good) {
                assert!(message == "fine" || message.starts_with("case liver_7: "), "byte {at}: {message}");
            }
        }
    }
}
