//! What other tools write and what careless readers get wrong.

mod support;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};
use medseg_volume::{
    Dhw, ReadOptions, VolumeError, read_channels, read_image, read_image_with, read_info, read_label, write_image,
};
use support::{SIDES, gzip, label_file, put, with_voxels};

struct File {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, bytes: &[u8]) -> File {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    File { _dir: dir, path }
}

fn voxels(bytes: &[u8]) -> Vec<f32> {
    read_image(&file("a.nii", bytes).path).unwrap().data.into_iter().collect()
}

fn error(bytes: &[u8]) -> String {
    read_image(&file("a.nii", bytes).path).unwrap_err().to_string()
}

const COUNT: usize = SIDES[0] * SIDES[1] * SIDES[2];

#[test]
fn the_first_axis_of_the_file_is_the_last_of_the_array() {
    let volume = read_label(&file("a.nii", &label_file()).path).unwrap();
    assert_eq!(volume.shape(), Dhw { d: 2, h: 3, w: 4 });
    assert_eq!(volume.data[[0, 0, 1]], 1);
    assert_eq!(volume.data[[0, 1, 0]], 4);
    assert_eq!(volume.data[[1, 0, 0]], 12);
    assert_eq!(volume.geometry.spacing(), Dhw { d: 3.0, h: 2.0, w: 1.0 });
}

#[test]
fn gzip_is_told_by_content_and_not_by_name() {
    for (name, bytes) in [("a.nii", gzip(&label_file())), ("a.nii.gz", label_file()), ("a", gzip(&label_file()))] {
        assert_eq!(read_label(&file(name, &bytes).path).unwrap().data.len(), COUNT, "{name}");
    }
}

#[test]
fn several_gzip_members_are_one_file_and_padding_after_them_is_ignored() {
    let whole = label_file();
    for cut in [1, 100, 348, 352, 360, whole.len()] {
        let mut bytes = [gzip(&whole[..cut]), gzip(&whole[cut..])].concat();
        bytes.extend([0; 512]);
        assert_eq!(read_label(&file("a.nii.gz", &bytes).path).unwrap().data.into_iter().last(), Some(COUNT as u8 - 1));
    }
}

#[test]
fn a_gzip_member_may_begin_anywhere_in_the_file() {
    // Around the sizes of usual read buffers, whose last byte may be the first of a member.
    for length in [1 << 12, 1 << 13, 1 << 16, 1 << 17, 1 << 18] {
        for before in [length - 2, length - 1, length] {
            let mut bytes = members(&label_file()[..10], before);
            bytes.extend(gzip(&label_file()[10..]));
            assert_eq!(read_label(&file("a.nii.gz", &bytes).path).unwrap().data.len(), COUNT, "{before}");
        }
    }
}

/// gzip members of `length` bytes in all, filled up with comments.
fn members(content: &[u8], length: usize) -> Vec<u8> {
    let member = |content: &[u8], comment: usize| {
        let mut encoder = GzBuilder::new().comment(vec![b'x'; comment]).write(Vec::new(), Compression::none());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let mut bytes = member(content, 0);
    while bytes.len() < length {
        let (left, least) = (length - bytes.len(), member(&[], 0).len());
        // Comments have a limit, and what is left must be long enough for a member.
        bytes.extend(member(&[], if left > 60_000 { 30_000 } else { left - least }));
    }
    assert_eq!(bytes.len(), length);
    bytes
}

#[test]
fn a_wrong_checksum_is_an_error_although_every_voxel_was_read() {
    let mut bytes = gzip(&label_file());
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    assert!(read_label(&file("a.nii.gz", &bytes).path).is_err());
}

#[test]
fn a_stream_cut_anywhere_is_an_error() {
    for bytes in [gzip(&label_file()), label_file()] {
        for length in 0..bytes.len() {
            assert!(read_label(&file("a.nii.gz", &bytes[..length]).path).is_err(), "{length} of {}", bytes.len());
        }
    }
}

#[test]
fn bytes_after_the_voxels_are_legal() {
    let mut bytes = label_file();
    bytes.extend([7; 100]);
    assert_eq!(voxels(&bytes).len(), COUNT);
}

#[test]
fn an_extension_before_the_voxels_is_passed_over() {
    let mut bytes = label_file();
    let extension = [16i32.to_le_bytes(), 4i32.to_le_bytes(), *b"note", *b"note"].concat();
    bytes.splice(352..352, extension);
    bytes[348] = 1;
    put(&mut bytes, 108, 368f32.to_le_bytes());
    assert_eq!(voxels(&bytes)[5], 5.0);
}

#[test]
fn slope_and_intercept_scale_unless_the_slope_means_nothing() {
    for (slope, intercept, want) in [
        (2.0f32, 10.0f32, 12.0),
        (0.0, 10.0, 1.0),
        (f32::NAN, 10.0, 1.0),
        (f32::INFINITY, 10.0, 1.0),
        (-1.0, 0.5, -0.5),
        (1.0, 0.0, 1.0),
    ] {
        let mut bytes = label_file();
        put(&mut bytes, 112, slope.to_le_bytes());
        put(&mut bytes, 116, intercept.to_le_bytes());
        assert_eq!(voxels(&bytes)[1], want, "slope {slope}");
    }
    let mut bytes = label_file();
    put(&mut bytes, 112, 2f32.to_le_bytes());
    put(&mut bytes, 116, f32::NAN.to_le_bytes());
    assert!(error(&bytes).contains("intercept"));
}

#[test]
fn scaling_is_computed_in_f64() {
    // 2^24 + 1 is no f32; scaled by 0.5 after rounding it would be off by one half.
    let stored: Vec<u8> = (0..COUNT).flat_map(|n| (16_777_217 + 2 * n as i32).to_le_bytes()).collect();
    let mut bytes = with_voxels(8, 32, &stored);
    put(&mut bytes, 112, 0.5f32.to_le_bytes());
    put(&mut bytes, 116, (-8_388_608f32).to_le_bytes());
    assert_eq!(voxels(&bytes)[..3], [0.5, 1.5, 2.5]);
}

#[test]
fn every_stored_type_is_read_in_both_byte_orders() {
    macro_rules! check {
        ($type:ty, $code:expr) => {{
            let values: Vec<$type> = (0..COUNT as u8).map(|n| n as $type).collect();
            let little: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let want: Vec<f32> = values.iter().map(|v| *v as f32).collect();
            let bits = 8 * size_of::<$type>() as i16;
            assert_eq!(voxels(&with_voxels($code, bits, &little)), want, stringify!($type));
            let big: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            assert_eq!(voxels(&swapped(&with_voxels($code, bits, &big))), want, "big-endian {}", stringify!($type));
        }};
    }
    check!(u8, 2);
    check!(i8, 256);
    check!(i16, 4);
    check!(u16, 512);
    check!(i32, 8);
    check!(u32, 768);
    check!(i64, 1024);
    check!(u64, 1280);
    check!(f32, 16);
    check!(f64, 64);
}

/// The header with its numbers in the other byte order.
fn swapped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut reverse = |from: usize, width: usize, count: usize| {
        for n in 0..count {
            bytes[from + n * width..from + (n + 1) * width].reverse();
        }
    };
    reverse(0, 4, 1);
    reverse(40, 2, 8);
    reverse(68, 2, 4);
    reverse(76, 4, 11);
    reverse(252, 2, 2);
    reverse(256, 4, 18);
    bytes
}

#[test]
fn kinds_that_are_not_read_are_named() {
    for (datatype, what) in [(32, "complex"), (128, "colour"), (1536, "128-bit"), (9999, "9999"), (0, "0")] {
        let message = error(&with_voxels(datatype, 64, &[0; 8 * COUNT]));
        assert!(message.contains(what), "{message}");
    }
    let mut pair = label_file();
    put(&mut pair, 344, *b"ni1\0");
    assert!(error(&pair).contains(".hdr"));
    let mut second = label_file();
    put(&mut second, 0, 540i32.to_le_bytes());
    assert!(error(&second).contains("NIfTI-2"));
}

#[test]
fn labels_are_whole_numbers_from_0_to_255_or_an_error() {
    for (value, fits) in [(255.0f32, true), (256.0, false), (-1.0, false), (0.5, false), (f32::NAN, false), (7.0, true)]
    {
        let stored: Vec<u8> = std::iter::repeat_n(value, COUNT).flat_map(f32::to_le_bytes).collect();
        let read = read_label(&file("a.nii", &with_voxels(16, 32, &stored)).path);
        match read {
            Ok(label) => assert!(fits && label.data.iter().all(|v| f32::from(*v) == value), "{value}"),
            Err(e) => assert!(!fits && e.to_string().contains("label"), "{e}"),
        }
    }
}

#[test]
fn a_not_a_number_in_an_image_stays_one() {
    let stored: Vec<u8> = std::iter::repeat_n(f32::NAN, COUNT).flat_map(f32::to_le_bytes).collect();
    assert!(voxels(&with_voxels(16, 32, &stored)).iter().all(|v| v.is_nan()));
}

#[test]
fn further_axes_are_channels() {
    let mut bytes = label_file();
    put(&mut bytes, 40, 5i16.to_le_bytes());
    put(&mut bytes, 48, 1i16.to_le_bytes());
    put(&mut bytes, 50, 1i16.to_le_bytes());
    assert_eq!(voxels(&bytes).len(), COUNT);
    put(&mut bytes, 50, 2i16.to_le_bytes());
    bytes.extend([9; COUNT]);
    assert!(error(&bytes).contains("2 channels"));
    let (data, _) = read_channels(&file("a.nii", &bytes).path).unwrap();
    assert_eq!((data.dim(), data[[1, 0, 0, 0]]), ((2, 2, 3, 4), 9.0));
    // A length of 0 beyond the third axis means that it is not used.
    put(&mut bytes, 50, 0i16.to_le_bytes());
    assert_eq!(voxels(&bytes).len(), COUNT);
}

#[test]
fn a_limit_refuses_before_memory_is_taken() {
    let small = file("a.nii", &label_file());
    let options = ReadOptions { max_bytes: 4 * COUNT as u64 - 1 };
    let error = read_image_with(&small.path, &options).unwrap_err();
    assert!(matches!(error, VolumeError::Limit { needed: 96, limit: 95, .. }), "{error}");
    assert!(read_image_with(&small.path, &ReadOptions { max_bytes: 96 }).is_ok());
}

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
fn voxels_begin_after_the_header() {
    let with_offset = |offset: f32| {
        let mut bytes = label_file();
        put(&mut bytes, 108, offset.to_le_bytes());
        bytes
    };
    for offset in [1.0, 347.0, 348.0, 351.0, 352.5, -352.0, f32::NAN, f32::INFINITY] {
        assert!(error(&with_offset(offset)).contains("cannot begin"), "{offset}");
    }
    // 0 is what careless writers leave.
    assert_eq!(voxels(&with_offset(0.0)), voxels(&label_file()));
}

#[test]
fn sides_are_positive() {
    for axis in 0..3 {
        for (side, what) in [(0i16, "is 0"), (-1, "negative"), (-2, "negative"), (i16::MIN, "negative")] {
            let mut bytes = label_file();
            put(&mut bytes, 42 + 2 * axis, side.to_le_bytes());
            let error = error(&bytes);
            assert!(error.contains(what) && error.contains(&format!("dimension {}", axis + 1)), "{error}");
        }
    }
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

#[test]
fn image_and_reader_agree_after_writing() {
    let volume = read_image(&file("a.nii", &label_file()).path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.nii", "b.nii.gz"] {
        write_image(dir.path().join(name), &volume).unwrap();
        assert_eq!(read_image(dir.path().join(name)).unwrap(), volume);
    }
}
