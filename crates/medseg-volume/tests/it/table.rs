//! All orientations, straight and oblique, of all types, byte orders, scalings and versions: read as made, and written as
//! read.

use crate::support::codes;
use crate::support::header::Made;
use medseg_volume::{
    Geometry, NiftiVersion, Orientation, ReadOptions, Stored, StoredVoxels, Volume, VolumeFile, WriteOptions,
    read_stored, write_channels,
};
use ndarray::{Array3, Array4};

/// Along i, j, k.
const LENGTHS: [u64; 3] = [4, 3, 2];
const COUNT: usize = 24;

/// A grid whose axes point to `code`, straight or not; its numbers are exact in f32.
fn rows(code: Orientation, oblique: bool) -> [[f64; 4]; 3] {
    let letters: Vec<char> = code.to_string().chars().collect();
    let spacing = [0.75, 1.5, 2.5];
    let origin = [-90.5, 12.25, 300.0];
    let mut rows = [[0.0; 4]; 3];
    for (column, letter) in letters.into_iter().enumerate() {
        let row = "RASLPI".find(letter).unwrap() % 3;
        let sign = if "RAS".contains(letter) { 1.0 } else { -1.0 };
        rows[row][column] = sign * spacing[column];
        if oblique {
            rows[(row + 1) % 3][column] = 0.125 * spacing[column];
            rows[(row + 2) % 3][column] = -0.0625 * spacing[column];
        }
    }
    for (row, value) in rows.iter_mut().zip(origin) {
        row[3] = value;
    }
    rows
}

/// A type with its code in files, values at its limits, and how they lie in the enum of stored voxels.
macro_rules! for_each_type {
    ($check:ident) => {
        $check!(u8, 2, U8, [0, 1, 200, u8::MAX]);
        $check!(i8, 256, I8, [0, -1, i8::MIN, i8::MAX]);
        $check!(u16, 512, U16, [0, 1, 32768, u16::MAX]);
        $check!(i16, 4, I16, [0, -1024, i16::MIN, i16::MAX]);
        $check!(u32, 768, U32, [0, 1, (1 << 24) + 1, u32::MAX]);
        $check!(i32, 8, I32, [0, -(1 << 24) - 1, i32::MIN, i32::MAX]);
        $check!(u64, 1280, U64, [0, 1, (1 << 53) + 1, u64::MAX]);
        $check!(i64, 1024, I64, [0, -(1 << 53) - 1, i64::MIN, i64::MAX]);
        $check!(f32, 16, F32, [0.0, -1.5, f32::MIN_POSITIVE, f32::MAX]);
        $check!(f64, 64, F64, [0.0, -0.1, f64::MIN_POSITIVE, f64::MAX]);
    };
}

/// Slope and intercept: scaled, and the ways of saying unscaled.
const SCALINGS: [(f64, f64); 4] = [(0.5, -1024.0), (1.0, 0.0), (0.0, 5.0), (f64::NAN, 1.0)];

#[test]
fn every_combination_is_read_as_made() {
    let mut files = 0;
    macro_rules! check {
        ($type:ty, $code:expr, $variant:ident, $values:expr) => {
            for code in codes() {
                for oblique in [false, true] {
                    for (version, big_endian) in [(1, false), (1, true), (2, false), (2, true)] {
                        for (slope, intercept) in SCALINGS {
                            let scaling = (slope == 0.5).then_some((slope, intercept));
                            let rows = rows(code, oblique);
                            let made = Made {
                                version,
                                big_endian,
                                lengths: LENGTHS.to_vec(),
                                code: $code,
                                bits: 8 * size_of::<$type>() as i16,
                                slope,
                                intercept,
                                srow: Some(rows),
                                ..Made::default()
                            };
                            let values: Vec<$type> = $values.into_iter().cycle().take(COUNT).collect();
                            let bytes = |v: &$type| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
                            let voxels: Vec<u8> = values.iter().flat_map(bytes).collect();
                            let file = VolumeFile::from_bytes(made.file(&voxels)).unwrap();
                            assert_eq!(file.info().scaling, scaling, "{made:?}");
                            assert_eq!(file.info().big_endian, big_endian, "{made:?}");
                            let (stored, geometry) = file.stored(&ReadOptions::default()).unwrap();
                            let want = Array4::from_shape_vec((1, 2, 3, 4), values.clone()).unwrap();
                            assert!(stored == StoredVoxels::$variant(want), "{made:?}");
                            assert_eq!(geometry.affine()[..3], rows, "{made:?}");
                            assert_eq!(geometry.orientation(), code, "{made:?}");
                            check_image(&file, &values.iter().map(|v| *v as f64).collect::<Vec<_>>(), scaling);
                            files += 1;
                        }
                    }
                }
            }
        };
    }
    for_each_type!(check);
    assert_eq!(files, 48 * 2 * 4 * 4 * 10);
}

/// The f32 image is the stored value scaled in f64 and rounded once; if exactness is asked for, it is that or an error.
fn check_image(file: &VolumeFile, stored: &[f64], scaling: Option<(f64, f64)>) {
    let info = file.info();
    let scaled = |v: f64| scaling.map_or(v, |(slope, intercept)| v * slope + intercept);
    let image = file.image(&ReadOptions::default()).unwrap();
    assert!(image.data.iter().zip(stored).all(|(got, v)| *got == scaled(*v) as f32), "{info:?}");
    let whole = !matches!(info.datatype.to_string().as_str(), "f32" | "f64");
    let altered = |v: f64| {
        let near = scaled(v) as f32;
        near.is_infinite() || (scaling.is_none() && whole && f64::from(near) != v)
    };
    match file.image(&ReadOptions::default().with_exact(true)) {
        Ok(exact) => assert!(exact == image && !stored.iter().any(|v| altered(*v)), "{info:?}"),
        // 64-bit values beyond 2⁵³ are altered although the f64 they were made of here is not.
        Err(e) => {
            let big = stored.iter().any(|v| altered(*v) || v.abs() > 9e15);
            assert!(big && e.to_string().contains("read_stored"), "{e}: {info:?}");
        }
    }
}

fn assert_kept<T: Stored>(values: &[T], wrap: impl Fn(Array4<T>) -> StoredVoxels) {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<T> = values.iter().copied().cycle().take(2 * COUNT).collect();
    let data = Array4::from_shape_vec((2, 2, 3, 4), values).unwrap();
    for (n, code) in codes().into_iter().enumerate() {
        for oblique in [false, true] {
            let [x, y, z] = rows(code, oblique);
            let geometry = Geometry::from_affine([x, y, z, [0.0, 0.0, 0.0, 1.0]]).unwrap();
            let version = [NiftiVersion::One, NiftiVersion::Two][(n + usize::from(oblique)) % 2];
            let options = WriteOptions::default().with_version(version);
            let path = folder.path().join(["a.nii", "a.nii.gz"][n / 2 % 2]);
            write_channels(&path, &data, &geometry, &options).unwrap();
            let (back, place) = read_stored(&path).unwrap();
            assert!(back == wrap(data.clone()), "{code} {version:?}");
            assert_eq!((place.affine(), place.orientation()), (geometry.affine(), code));
            assert_eq!(place.nifti_fields().unwrap().version, version);
        }
    }
}

#[test]
fn every_combination_is_read_as_written() {
    macro_rules! check {
        ($type:ty, $code:expr, $variant:ident, $values:expr) => {
            assert_kept::<$type>(&$values, StoredVoxels::$variant);
        };
    }
    for_each_type!(check);
}

#[test]
fn turned_to_any_orientation_and_back_it_is_the_same() {
    let data = Array3::from_shape_fn((2, 3, 4), |(d, h, w)| 100 * d + 10 * h + w);
    for from in codes() {
        let [x, y, z] = rows(from, true);
        let geometry = Geometry::from_affine([x, y, z, [0.0, 0.0, 0.0, 1.0]]).unwrap();
        let volume = Volume::new(data.clone(), geometry);
        for to in codes() {
            let turned = volume.reoriented(to);
            assert_eq!(turned.geometry.orientation(), to);
            assert_eq!(turned.reoriented(from), volume, "{from} to {to}");
        }
    }
}
