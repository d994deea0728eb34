//! Values and lengths that a header's f32 only rounds, or states in another unit.

use medseg_volume::{Dhw, ReadOptions, VolumeFile, Warning, read_image, read_info, read_label, write_label};

use crate::support::header::Made;
use crate::support::{file, gzip, label_file, put};

const FOUND: &str = "tests/golden/found";

/// The labels of a file of stored bytes and a slope and intercept of f32.
fn labels(stored: [u8; 24], slope: f32, intercept: f32) -> Result<Vec<u8>, String> {
    let made = Made { slope: slope.into(), intercept: intercept.into(), ..Made::default() };
    let file = VolumeFile::from_bytes(made.file(&stored)).unwrap();
    let label = file.label(&ReadOptions::default()).map_err(|error| error.to_string())?;
    Ok(label.data.into_iter().collect())
}

#[test]
fn labels_that_nibabel_scaled_are_the_labels_that_it_was_given() {
    // A float array saved with an integer type: slope 3/255, and 1/65535.
    let plain = read_label(format!("{FOUND}/scaled_plain.nii.gz")).unwrap();
    let three = read_label(format!("{FOUND}/scaled_u8_value_3.nii.gz")).unwrap();
    let one = read_label(format!("{FOUND}/scaled_u16_value_1.nii.gz")).unwrap();
    assert!(plain.data.iter().any(|v| *v > 0));
    assert!(plain.data.iter().zip(&three.data).all(|(a, b)| (*a > 0) == (*b > 0) && matches!(b, 0 | 3)));
    assert!(plain.data.iter().zip(&one.data).all(|(a, b)| (*a > 0) == (*b > 0) && matches!(b, 0 | 1)));
}

#[test]
fn every_slope_that_makes_whole_numbers_of_stored_ones_is_understood() {
    for largest in 1..=255_u8 {
        let slope = f32::from(largest) / 255.0;
        // The stored numbers that stand for whole ones.
        let stored = |n: u8| (255 * u32::from(n) / u32::from(largest)) as u8;
        let whole: Vec<u8> =
            (0..=largest).filter(|n| (255 * u32::from(*n)).is_multiple_of(u32::from(largest))).take(24).collect();
        let mut bytes = [0; 24];
        bytes.iter_mut().zip(&whole).for_each(|(to, n)| *to = stored(*n));
        assert_eq!(labels(bytes, slope, 0.0).unwrap()[..whole.len()], whole, "largest {largest}");
        if largest == 1 {
            // The slope that follows would be 0, which means none.
            continue;
        }
        // With an intercept of 1 and the slope of what is left.
        let shifted = f32::from(largest - 1) / 255.0;
        assert_eq!(labels([255; 24], shifted, 1.0), Ok(vec![largest; 24]), "1 to {largest}");
    }
}

#[test]
fn label_values_are_any_whole_numbers() {
    let values = |numbers: [f64; 24], slope: f64| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        let made = Made { code: 64, bits: 64, slope, ..Made::default() };
        let file = VolumeFile::from_bytes(made.file(&bytes)).unwrap();
        file.label_values(&ReadOptions::default()).map(|label| label.data[[0, 0, 0]]).ok()
    };
    for (value, slope, want) in [
        (2035.0, 0.0, Some(2035)),
        (-7.0, 0.0, Some(-7)),
        (f64::from(i32::MAX), 0.0, Some(i32::MAX)),
        (f64::from(i32::MAX) + 1.0, 0.0, None),
        (0.5, 0.0, None),
        (f64::NAN, 0.0, None),
        (-255.0, f64::from(3.0_f32 / 255.0), Some(-3)),
    ] {
        assert_eq!(values([value; 24], slope), want, "{value} {slope}");
    }
}

#[test]
fn a_value_that_f32_tells_from_a_whole_number_is_still_refused() {
    for (slope, intercept) in [(0.5, 0.0), (1.0, 0.001), (3.00001, 0.0), (1.0, -2.0)] {
        assert!(labels([1; 24], slope, intercept).unwrap_err().contains("is not a label"), "{slope} {intercept}");
    }
}

#[test]
fn micrometres_and_metres_are_converted_and_written_back_as_they_were() {
    let micron = read_label(format!("{FOUND}/micron_label.nii.gz")).unwrap();
    let millimetre = read_label(format!("{FOUND}/millimetre_label.nii.gz")).unwrap();
    assert_eq!(micron.geometry.spacing(), Dhw { d: 3.0, h: 2.0, w: 2.0 });
    let volume = |label: &medseg_volume::Volume<u8>| {
        label.data.iter().filter(|v| **v > 0).count() as f64 * label.geometry.voxel_volume_mm3()
    };
    assert_eq!((volume(&micron), volume(&millimetre)), (18264.0, 18264.0));
    assert!(micron.geometry.same_grid(&millimetre.geometry, millimetre.shape(), 1e-6));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.nii");
    write_label(&path, &micron).unwrap();
    let before = read_info(format!("{FOUND}/micron_label.nii.gz")).unwrap();
    let after = read_info(&path).unwrap();
    assert_eq!(after.geometry.nifti_fields(), before.geometry.nifti_fields());
    assert_eq!((after.geometry, after.warnings), (before.geometry, vec![Warning::Units(3)]));
}

#[test]
fn every_way_to_state_a_geometry_is_converted() {
    let by = |units: u8, scale: f32, form: u8| {
        let mut bytes = label_file();
        let length = |bytes: &mut [u8], at: usize, millimetres: f32| {
            put(bytes, at, (millimetres * scale).to_le_bytes());
        };
        for axis in 0..3 {
            length(&mut bytes, 80 + 4 * axis, 1.5 + axis as f32);
            length(&mut bytes, 268 + 4 * axis, -7.5);
            length(&mut bytes, 280 + 20 * axis, 1.5 + axis as f32);
            length(&mut bytes, 292 + 16 * axis, -7.5);
        }
        bytes[123] = units;
        let [qform, sform] = [i16::from(form == 1), i16::from(form == 2)];
        put(&mut bytes, 252, qform.to_le_bytes());
        put(&mut bytes, 254, sform.to_le_bytes());
        read_info(&file("a.nii", &gzip(&bytes)).path).unwrap()
    };
    for form in 0..3 {
        let millimetres = by(2, 1.0, form);
        for (units, scale) in [(1, 1e-3), (3, 1e3), (8 + 1, 1e-3), (16 + 3, 1e3)] {
            let converted = by(units, scale, form);
            let distance = converted.geometry.largest_distance(&millimetres.geometry, converted.shape);
            assert!(distance < 1e-6, "form {form}, units {units}: {distance} mm");
            assert!(converted.warnings.contains(&Warning::Units(i32::from(units & 7))));
        }
    }
}

#[test]
fn an_unknown_unit_is_named_and_a_missing_one_only_where_it_matters() {
    let units = |code: u8, size: f32| {
        let mut bytes = label_file();
        bytes[123] = code;
        (0..3).for_each(|axis| put(&mut bytes, 280 + 20 * axis, size.to_le_bytes()));
        read_info(&file("a.nii", &bytes).path).unwrap().warnings
    };
    assert_eq!(units(0, 1.0), []);
    assert_eq!(units(0, 1000.0), [Warning::Units(0)]);
    assert_eq!(units(0, 0.001), [Warning::Units(0)]);
    for code in 4..8 {
        assert_eq!(units(code, 1.0), [Warning::Units(code.into())]);
        assert!(Warning::Units(code.into()).to_string().contains("unknown unit"));
    }
}

#[test]
fn a_negative_voxel_size_is_named_whichever_form_is_used() {
    for form in [None, Some([[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]])] {
        let made = Made { srow: form, pixdim: [1.0, 1.0, -2.0, 3.0], ..Made::default() };
        let info = VolumeFile::from_bytes(made.file(&[0; 24])).unwrap().into_info();
        assert!(info.warnings.contains(&Warning::NegativeVoxelSize { axis: 2, size: -2.0 }), "{:?}", info.warnings);
        assert_eq!(info.geometry.spacing(), Dhw { d: 3.0, h: 2.0, w: 1.0 });
    }
}

#[test]
fn a_file_cut_within_its_checksum_is_not_said_to_lack_voxels() {
    let large = label_file().into_iter().chain((0..9 << 20).map(|n: u32| (n >> 7) as u8)).collect::<Vec<u8>>();
    for content in [label_file(), large] {
        let bytes = gzip(&content);
        for cut in if content.len() > 1 << 20 { vec![1, 8] } else { (1..=8).collect() } {
            let path = file("a.nii.gz", &bytes[..bytes.len() - cut]);
            let text = read_image(&path.path).unwrap_err().to_string();
            assert!(text.contains("voxels are complete") && text.contains("checksum"), "{cut}: {text}");
        }
        let path = file("a.nii.gz", &bytes[..bytes.len() / 2]);
        let text = read_image(&path.path).unwrap_err().to_string();
        assert!(!text.contains("complete") || content.len() > 9 << 20, "{text}");
    }
}
