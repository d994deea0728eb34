//! Files of other tools that careless readers get wrong.

use crate::support::{COUNT, error, file, label_file, put, voxels, with_voxels};
use medseg_volume::{
    Dhw, ReadOptions, VolumeError, read_channels, read_image, read_image_with, read_label, write_image,
};

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
    let options = |max_bytes| ReadOptions::default().with_max_bytes(max_bytes);
    let error = read_image_with(&small.path, &options(4 * COUNT as u64 - 1)).unwrap_err();
    assert!(matches!(error, VolumeError::Limit { needed: 96, limit: 95, .. }), "{error}");
    assert!(read_image_with(&small.path, &options(96)).is_ok());
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
        for (length, what) in [(0i16, "is 0"), (-1, "negative"), (-2, "negative"), (i16::MIN, "negative")] {
            let mut bytes = label_file();
            put(&mut bytes, 42 + 2 * axis, length.to_le_bytes());
            let error = error(&bytes);
            assert!(error.contains(what) && error.contains(&format!("dimension {}", axis + 1)), "{error}");
        }
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
