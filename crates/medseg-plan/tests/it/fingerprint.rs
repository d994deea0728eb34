//! Facts of small data sets made up for them.

use std::fs;
use std::path::Path;

use medseg_data::Grouping;
use medseg_plan::{Fingerprint, PlanError};
use medseg_train::Silent;
use medseg_volume::{Dhw, Geometry, Orientation, Volume, write_image, write_label};
use ndarray::{Array3, s};

/// A case with a cube of each label along the diagonal.
fn write(folder: &Path, id: &str, spacing: [f64; 3], shape: [usize; 3], labels: &[u8], orientation: Orientation) {
    for part in ["image", "label"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let geometry = Geometry::from_spacing(Dhw::from(spacing)).unwrap();
    let mut label = Array3::<u8>::zeros(shape);
    for (n, value) in labels.iter().enumerate() {
        label.slice_mut(s![3 * n..3 * n + 2, 3 * n..3 * n + 2, 3 * n..3 * n + 2]).fill(*value);
    }
    let image = Array3::from_shape_fn(shape, |(z, y, x)| (z + y + x) as f32);
    let image = Volume::new(image, geometry.clone()).reoriented(orientation);
    let label = Volume::new(label, geometry).reoriented(orientation);
    write_image(folder.join(format!("image/{id}.nii")), &image).unwrap();
    write_label(folder.join(format!("label/{id}.nii")), &label).unwrap();
}

fn ras() -> Orientation {
    Orientation::RAS
}

fn read(folder: &Path, values: &[u8]) -> Result<Fingerprint, PlanError> {
    Fingerprint::read(folder, values, None, &mut Silent)
}

#[test]
fn shapes_spacings_labels_and_boxes_are_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", [2.0, 1.0, 1.0], [10, 20, 30], &[1, 3], ras());
    write(folder.path(), "b", [2.0, 1.0, 1.0], [10, 20, 30], &[1, 3], "SPL".parse().unwrap());
    let found = read(folder.path(), &[]).unwrap();
    assert_eq!(found.labels, [1, 3]);
    for case in &found.headers {
        assert_eq!((case.shape, case.spacing_mm), (Dhw::from([10, 20, 30]), Dhw::from([2.0, 1.0, 1.0])));
    }
    for case in &found.sampled {
        let label = case.labels[&1];
        assert_eq!((label.voxels, label.ml, label.components, label.largest_share), (8, 0.016, 1, 1.0));
        // Two cubes of 2 voxels at 0 and 3: a box of 5 voxels along every axis.
        assert!((case.box_share.unwrap() - 125.0 / 6000.0).abs() < 1e-12);
        assert_eq!((case.lowest, case.highest, case.not_finite), (0.0, 57.0, 0));
    }
    assert!(found.oddities.iter().any(|text| text.contains("SPL (1)")), "{:?}", found.oddities);
    // Half the voxels along the first axis at twice the spacing.
    assert_eq!(found.median_shape(Some(Dhw::from([4.0, 1.0, 1.0]))), Dhw::from([5, 20, 30]));
}

#[test]
fn chosen_labels_alone_count() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a", [1.0; 3], [20, 20, 20], &[1, 3, 2], ras());
    let found = read(folder.path(), &[3]).unwrap();
    assert_eq!((found.labels.clone(), found.sampled[0].labels.len()), (vec![3], 1));
    assert!((found.box_share() - 8.0 / 8000.0).abs() < 1e-12);
    assert!(matches!(read(folder.path(), &[]), Ok(found) if found.labels == [1, 2, 3]));
}

#[test]
fn what_is_unusual_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..6 {
        for frame in ["ed", "es"] {
            write(folder.path(), &format!("patient{n}_{frame}"), [1.0; 3], [12, 12, 12], &[1], ras());
        }
    }
    write(folder.path(), "patient8_ed", [9.0, 1.0, 1.0], [12, 12, 12], &[], ras());
    write(folder.path(), "patient9_ed", [1.0; 3], [12, 12, 1], &[], ras());
    let found = read(folder.path(), &[]).unwrap().oddities.join("\n");
    for text in ["three times", "patient8_ed", "single plane", "patient9_ed", "No voxel", "--groups"] {
        assert!(found.contains(text), "{text}: {found}");
    }
    let groups = Grouping::Pattern("^(patient[0-9]+)".into());
    let found = Fingerprint::read(folder.path(), &[], Some(&groups), &mut Silent).unwrap();
    assert!(!found.oddities.join("\n").contains("--groups"));
}

#[test]
fn folders_without_labels_or_foreground_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(&folder.path().join("none"), &[]).is_err());
    write(folder.path(), "a", [1.0; 3], [12, 12, 12], &[], ras());
    assert!(matches!(read(folder.path(), &[]), Err(PlanError::NoForeground { .. })));
    fs::remove_dir_all(folder.path().join("label")).unwrap();
    let error = read(folder.path(), &[]).unwrap_err().to_string();
    assert!(!error.is_empty());
    write(folder.path(), "b", [1.0; 3], [12, 12, 12], &[1], ras());
    fs::write(folder.path().join("image/b.nii"), b"not a volume").unwrap();
    let error = read(folder.path(), &[]).unwrap_err();
    assert!(format!("{error:?}").contains('b'), "{error}");
}

#[test]
fn channels_are_counted_and_the_first_gives_the_intensities() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["a", "b"] {
        write(folder.path(), id, [2.0, 1.0, 1.0], [10, 20, 30], &[1], ras());
        let image = folder.path().join(format!("image/{id}.nii"));
        fs::copy(&image, folder.path().join(format!("image/{id}_0001.nii"))).unwrap();
        fs::rename(&image, folder.path().join(format!("image/{id}_0000.nii"))).unwrap();
    }
    let found = read(folder.path(), &[]).unwrap();
    assert_eq!((found.channels, found.sampled[0].highest), (2, 57.0));
}
