//! Checking headers and reading cases.

use std::path::Path;

use medseg_data::{Case, check_case, check_case_within, check_cases};
use medseg_transforms::LabelMap;
use medseg_volume::{Geometry, Volume, error_chain, write_image_i16, write_label};
use ndarray::Array3;
use tempfile::tempdir;

type Affine = [[f64; 4]; 4];

const GRID: Affine = [[2.0, 0.0, 0.0, -10.0], [0.0, 2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]];

/// A case whose label lies on another grid or has another shape.
fn case(dir: &Path, label_shape: (usize, usize, usize), label_grid: Affine) -> Case {
    let (image, label) = (dir.join("scan.nii.gz"), dir.join("mask.nii.gz"));
    let voxels = Array3::from_shape_fn((4, 5, 6), |(k, j, i)| (k * 100 + j * 10 + i) as i16);
    write_image_i16(&image, &Volume::new(voxels, Geometry::from_affine(GRID).unwrap())).unwrap();
    let voxels = Array3::from_shape_fn(label_shape, |(k, _, _)| k as u8);
    write_label(&label, &Volume::new(voxels, Geometry::from_affine(label_grid).unwrap())).unwrap();
    Case::new("scan", image, Some(label))
}

fn changed(row: usize, column: usize, value: f64) -> Affine {
    let mut affine = GRID;
    affine[row][column] = value;
    affine
}

#[test]
fn equal_headers_pass_and_tell_the_image_s_shape() {
    let dir = tempdir().unwrap();
    let case = case(dir.path(), (4, 5, 6), changed(0, 3, -10.001));
    assert_eq!(check_case(&case).unwrap().shape.to_array(), [4, 5, 6]);
    assert_eq!(check_cases(&[case.clone(), Case { label: None, ..case }]).unwrap().len(), 2);
}

#[test]
fn a_difference_names_both_files_and_itself() {
    let dir = tempdir().unwrap();
    let turned = [[1.9, 0.6, 0.0, -10.0], [-0.6, 1.9, 0.0, 5.0], [0.0, 0.0, 3.0, 7.0], [0.0, 0.0, 0.0, 1.0]];
    let spacing = (1.9f64 * 1.9 + 0.6 * 0.6).sqrt() / 2.0;
    let turned = turned.map(|[a, b, c, d]| [a / spacing, b / spacing, c, d]);
    let differences = [
        ((4, 5, 7), GRID, "4x5x6 against 4x5x7"),
        ((4, 5, 6), changed(2, 2, 3.5), "spacing"),
        ((4, 5, 6), changed(0, 0, -2.0), "RAS against LAS"),
        ((4, 5, 6), changed(1, 3, 5.5), "first voxel"),
        ((4, 5, 6), turned, "directions"),
    ];
    for (shape, grid, difference) in differences {
        let case = case(dir.path(), shape, grid);
        let message = error_chain(&check_case(&case).unwrap_err());
        for part in ["scan.nii.gz", "mask.nii.gz", difference] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(check_case_within(&case, f64::INFINITY).is_ok(), shape == (4, 5, 6));
        assert!(check_cases(&[case]).is_err());
    }
}

#[test]
fn samples_hold_the_files_intensities_and_label_values() {
    let dir = tempdir().unwrap();
    let case = case(dir.path(), (4, 5, 6), GRID);
    let sample = case.read().unwrap();
    assert_eq!((sample.id.as_str(), sample.image[[0, 3, 4, 5]]), ("scan", 345.0));
    assert_eq!(sample.geometry.affine(), GRID);
    let mut label = sample.label.unwrap();
    assert_eq!(label, Array3::from_shape_fn((4, 5, 6), |(k, _, _)| k as u8));
    LabelMap::foreground_of(&[1, 3]).apply(&mut label).unwrap();
    assert_eq!(label, Array3::from_shape_fn((4, 5, 6), |(k, _, _)| (k % 2) as u8));
    assert_eq!(Case { label: None, ..case }.read().unwrap().label, None);
}

#[test]
fn unreadable_and_unequal_files_are_named() {
    let dir = tempdir().unwrap();
    let unequal = case(dir.path(), (4, 5, 7), GRID);
    let message = error_chain(&unequal.read().unwrap_err());
    assert!(message.contains("scan.nii.gz") && message.contains("4x5x7"), "{message}");
    let missing = Case { label: Some(dir.path().join("gone.nii.gz")), ..unequal.clone() };
    assert!(error_chain(&check_case(&missing).unwrap_err()).contains("gone.nii.gz"));
    assert!(error_chain(&missing.read().unwrap_err()).contains("gone.nii.gz"));
    std::fs::write(&unequal.image, b"no volume").unwrap();
    assert!(error_chain(&check_case(&unequal).unwrap_err()).contains("scan.nii.gz"));
}
