//! Mistakes that newcomers made: each is an error that says what to do, before anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Axis;

use crate::support::{assert_fails, medseg};

fn of_tests(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

/// A model of one channel.
fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../medseg-monai/tests/golden/bundles/spleen")
}

/// A mask of one slice would look like the mask of its series.
#[test]
#[cfg(feature = "dicom")]
fn one_slice_in_place_of_its_series_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let slice = of_tests("ct_series/02.dcm");
    let folder = of_tests("ct_series").display().to_string();
    let image = dir.path().join("out.nii.gz");
    for command in [
        medseg("predict").arg(model()).args([&slice, &image]),
        medseg("convert").args([&slice, &image]),
        medseg("view").arg(&slice).arg("-o").arg(dir.path().join("page.html")),
    ] {
        let output = command.output().unwrap();
        assert_fails(&output, 2, "one of 5 slices of a series");
        assert_fails(&output, 2, &folder);
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    // Who wants to know what a file is learns it.
    let inspected = medseg("inspect").arg(&slice).arg("--json").output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(found["shape"][0], 1);
    assert!(found["warnings"].to_string().contains("one of 5 slices"), "{found}");
    // A slice that is a whole series is one.
    fs::copy(&slice, dir.path().join("alone.dcm")).unwrap();
    let output = medseg("convert").args([&dir.path().join("alone.dcm"), &image]).output().unwrap();
    assert!(output.status.success() && image.is_file());
}

#[test]
fn what_is_no_model_is_refused_with_what_would_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("weights")).unwrap();
    for name in ["fold1.pth", "weights/fold1.pth", "bundle.json"] {
        fs::write(path(name), "{}").unwrap();
    }
    let image = of_tests("nnunet/case_0000.nii.gz");
    for (given, code, words) in [
        ("organz", 1, "there is no such file or folder"),
        ("fold1.pth", 2, "medseg import"),
        ("weights", 2, "medseg import"),
        ("bundle.json", 2, "give the folder"),
    ] {
        let output = medseg("predict").args([&path(given), &image, &path("mask.nii.gz")]).output().unwrap();
        assert_fails(&output, code, given);
        assert_fails(&output, code, words);
    }
    assert!(!path("mask.nii.gz").exists());
}

/// The name of the bundle is forgotten: the last file of weights stands in its place.
#[test]
fn a_file_in_place_of_the_bundle_to_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for name in ["fold1.pth", "fold2.pth"] {
        fs::write(path(name), "weights").unwrap();
    }
    let output = medseg("import").arg("obelisk").args([path("fold1.pth"), path("fold2.pth")]).output().unwrap();
    assert_fails(&output, 2, "the last argument names the bundle");
    assert_eq!(fs::read(path("fold2.pth")).unwrap(), b"weights");
}

/// Scores are computed on volumes.
#[test]
#[cfg(feature = "dicom")]
fn scores_of_a_dicom_segmentation_name_the_command_that_makes_a_volume() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let series = of_tests("ct_series");
    let image = medseg_volume::dicom::read_series(&series).unwrap();
    medseg_volume::write_label(path("mask.nii.gz"), &image.map_data(|v| u8::from(*v > 0.0))).unwrap();
    let mut convert = medseg("convert");
    convert.args([path("mask.nii.gz"), path("mask.dcm")]).arg("--like").arg(&series);
    let output = convert.output().unwrap();
    assert!(output.status.success(), "{}", crate::support::stderr(&output));
    assert!(crate::support::stderr(&output).contains("names no labels"));
    let output = medseg("metrics").args([path("mask.nii.gz"), path("mask.dcm")]).output().unwrap();
    assert_fails(&output, 1, "medseg convert");
}

#[test]
fn a_picture_without_a_folder_is_refused_before_the_prediction() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = medseg("predict");
    command.arg(of_tests("nnunet")).arg(of_tests("nnunet/case_0000.nii.gz")).arg(dir.path().join("mask.nii.gz"));
    let output = command.arg("--picture").arg(dir.path().join("missing/p.png")).output().unwrap();
    assert_fails(&output, 1, "there is no folder");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn an_empty_folder_is_called_empty() {
    let dir = tempfile::tempdir().unwrap();
    let output = medseg("convert").arg(dir.path()).arg(dir.path().with_extension("nii")).output().unwrap();
    assert_fails(&output, 1, "no file in this folder");
}

/// A network gives labels to five slices too.
#[test]
fn a_few_slices_alone_are_segmented_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for channel in ["0000", "0001"] {
        let image = medseg_volume::read_image(of_tests(&format!("nnunet/case_{channel}.nii.gz"))).unwrap();
        let mut thin = image.clone();
        thin.data.slice_axis_inplace(Axis(0), (0..2).into());
        medseg_volume::write_image(path(&format!("whole_{channel}.nii.gz")), &image).unwrap();
        medseg_volume::write_image(path(&format!("thin_{channel}.nii.gz")), &thin).unwrap();
    }
    for (name, warned) in [("whole_0000.nii.gz", false), ("thin_0000.nii.gz", true)] {
        let mut command = medseg("predict");
        command.arg(of_tests("nnunet")).args([path(name), path("mask.nii.gz")]);
        let output = command.output().unwrap();
        let said = crate::support::stderr(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("the image is small for this model"), warned, "{name}: {said}");
    }
}

#[test]
fn an_empty_mask_is_converted_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let image = medseg_volume::read_image(of_tests("nnunet/case_0000.nii.gz")).unwrap();
    medseg_volume::write_label(path("mask.nii.gz"), &image.map_data(|_| 0)).unwrap();
    let output = medseg("convert").args([path("mask.nii.gz"), path("mask.nrrd")]).output().unwrap();
    assert!(output.status.success());
    let output = medseg("convert").args([path("mask.nii.gz"), path("mask.seg.nrrd")]).output().unwrap();
    let said = crate::support::stderr(&output);
    assert!(said.contains("the mask is empty"), "{said}");
}
