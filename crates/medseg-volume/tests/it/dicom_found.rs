//! Series that other tools write or read, and that were read wrongly here once.

use std::fs;
use std::path::PathBuf;

use dicom_dictionary_std::tags;
use medseg_volume::dicom::{DicomError, SeriesWarning, read_series, read_series_with};
use medseg_volume::{Dhw, Volume};

use crate::dicom_support::{Slice, folder};

/// A series among the golden data.
pub fn found(name: &str) -> PathBuf {
    PathBuf::from(format!("tests/golden/found/{name}"))
}

/// Hounsfield units of the found series, as ITK and pydicom read them.
pub fn expected() -> Vec<f32> {
    let bytes = fs::read("tests/golden/found/expected_hu.npy").unwrap();
    bytes[128..].as_chunks::<2>().0.iter().map(|two| i16::from_le_bytes(*two).into()).collect()
}

/// A series read without options, and its warnings.
pub fn read(path: PathBuf) -> (Volume<f32>, Vec<SeriesWarning>) {
    let (image, summary) = read_series_with(path, &Default::default()).unwrap();
    (image, summary.warnings)
}

#[test]
fn the_plain_series_is_read_as_its_peers_read_it() {
    let (image, warnings) = read(found("dicom-plain"));
    assert_eq!((image.data.as_slice().unwrap(), warnings), (&expected()[..], vec![]));
    assert_eq!(image.shape(), Dhw { d: 4, h: 12, w: 16 });
}

#[test]
fn directions_that_differ_as_roundings_do_are_read_with_a_warning() {
    let (image, warnings) = read(found("dicom-orientation-rounded"));
    assert_eq!(image.data.as_slice().unwrap(), expected());
    assert!(matches!(warnings[..], [SeriesWarning::DirectionsVary { by }] if (by - 2e-4).abs() < 1e-9), "{warnings:?}");
    // The first slice's directions, as ITK has it.
    assert_eq!(image.geometry, read(found("dicom-plain")).0.geometry);
}

#[test]
fn directions_farther_apart_are_refused() {
    let turned = |by: f64| {
        let slices: Vec<Slice> = (0..4)
            .map(|z| {
                let angle = by * f64::from(z % 2);
                let (sin, cos) = angle.sin_cos();
                let text = format!("{cos:.8}\\{sin:.8}\\0\\{:.8}\\{cos:.8}\\0", -sin);
                Slice::at(z.into(), 0).text(tags::IMAGE_ORIENTATION_PATIENT, &text)
            })
            .collect();
        read_series_with(folder(&slices).path(), &Default::default())
    };
    assert_eq!(turned(5e-5).unwrap().1.warnings, []);
    for by in [1.2e-4, 5e-4, 9e-4] {
        assert!(matches!(turned(by).unwrap().1.warnings[..], [SeriesWarning::DirectionsVary { .. }]), "{by}");
    }
    let refused = turned(2e-3).unwrap_err();
    assert!(matches!(refused, DicomError::Mixed { attribute: "ImageOrientationPatient", .. }), "{refused}");
}

#[test]
fn thickness_that_changes_is_no_missing_slice() {
    let series = |slices: &[(f64, &str)]| {
        let slices: Vec<Slice> =
            slices.iter().map(|(z, thickness)| Slice::at(*z, 0).text(tags::SLICE_THICKNESS, thickness)).collect();
        read_series(folder(&slices).path()).unwrap_err()
    };
    // 2.5 mm slices go on as 5 mm ones; with and without a distance of its own between both parts.
    let thicker = [(0.0, "2.5"), (2.5, "2.5"), (5.0, "2.5"), (10.0, "5"), (15.0, "5")];
    let between = [(0.0, "2.5"), (2.5, "2.5"), (5.0, "2.5"), (8.75, "5"), (13.75, "5")];
    for (slices, after) in [(&thicker, 5.0), (&between, 3.75)] {
        let error = series(slices);
        assert!(
            matches!(&error, DicomError::StepChanges { before_mm, after_mm, .. }
            if (*before_mm, *after_mm) == (2.5, after)),
            "{error}"
        );
        assert!(error.to_string().contains("thickness"), "{error}");
    }
    // Slices that are missing from equally thick ones are said to be missing.
    let gap = [(0.0, "2.5"), (2.5, "2.5"), (7.5, "2.5"), (10.0, "2.5")];
    assert!(matches!(series(&gap), DicomError::MissingSlices { missing: 1, .. }));
}

#[test]
fn a_folder_without_images_says_which_rule_each_file_fails() {
    let none = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        fs::write(none.path().join(name), "no image").unwrap();
    }
    Slice::at(0.0, 0).text(tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY\\LOCALIZER").write(none.path().join("scout.dcm"));
    Slice::at(0.0, 0).without(tags::PIXEL_DATA).write(none.path().join("report.dcm"));
    let text = read_series(none.path()).unwrap_err().to_string();
    for part in ["among 6 files", "4 not DICOM", "a.txt, b.txt, c.txt, ...", "1 a localizer", "scout.dcm", "report.dcm"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
