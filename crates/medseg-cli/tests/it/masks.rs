//! Masks of every form: out of a prediction, and from one to another.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use medseg_volume::dicom::{SeriesOptions, SourceSeries, segmentation, structure_set};
use medseg_volume::{Volume, read_label, write_label};

use crate::support::{Data, assert_fails, medseg, stderr};

/// Five slices of a CT.
fn series() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/ct_series")
}

/// A mask of two labels on that series.
fn mask_of_series() -> Volume<u8> {
    let source = SourceSeries::read(series(), &SeriesOptions::default()).unwrap();
    let shape = source.shape();
    let labels = ndarray::Array3::from_shape_fn((shape.d, shape.h, shape.w), |(z, y, x)| match (z, y, x) {
        (1..=3, 1..=3, 1..=4) => 1,
        (2..=4, 4..=5, 2..=6) => 2,
        _ => 0,
    });
    Volume::new(labels, source.geometry().clone())
}

fn convert(input: &Path, output: &Path, more: &[&str]) -> Output {
    medseg("convert").args([input, output]).args(more).output().unwrap()
}

#[test]
fn one_prediction_of_a_series_is_written_in_every_form_and_all_mean_the_same_voxels() {
    let data = Data::new();
    assert!(data.run("one-stage", &["--labels", "1,2", "--classes"]).status.success());
    let out = data.path("out");
    let path = |name: &str| data.path(name);
    let mut command = medseg("predict");
    command.args([&out, &series(), &path("mask.dcm")]);
    for (option, name) in [("--also", "mask.nii.gz"), ("--also", "mask.seg.nrrd"), ("--rtstruct", "outlines.dcm")] {
        command.arg(option).arg(path(name));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mask = read_label(path("mask.nii.gz")).unwrap();
    let read = segmentation::read(path("mask.dcm"), &Default::default()).unwrap();
    let names: Vec<&str> = read.table.segments().iter().map(|segment| segment.name.as_str()).collect();
    assert_eq!(names, ["label 1", "label 2"]);
    // The same voxels again out of each form, on the series' grid.
    for name in ["mask.dcm", "mask.seg.nrrd", "outlines.dcm"] {
        let back = path("back.nii.gz");
        let output = convert(&path(name), &back, &["--like", series().to_str().unwrap()]);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        assert_eq!(read_label(&back).unwrap().data, mask.data, "{name}");
    }
    // The same prediction gives the same files.
    let again = medseg("predict").args([&out, &series(), &path("again.dcm")]).output().unwrap();
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(fs::read(path("again.dcm")).unwrap() == fs::read(path("mask.dcm")).unwrap());

    // A DICOM object needs a series; names are held against each other and against the inputs.
    let image = data.path("data/image/phantom_000.nii.gz");
    let predict =
        |mask: &Path, more: &[&str]| medseg("predict").args([&out, &image, mask]).args(more).output().unwrap();
    assert_fails(&predict(&path("new.dcm"), &[]), 2, "no DICOM series");
    let new = path("new.nii.gz");
    assert_fails(&predict(&new, &["--rtstruct", path("x.dcm").to_str().unwrap()]), 2, "no DICOM series");
    assert_fails(&predict(&new, &["--also", new.to_str().unwrap()]), 2, "twice");
    assert_fails(&predict(&new, &["--also", image.to_str().unwrap()]), 2, "nothing is written");
    assert_fails(&predict(&new, &["--surface", path("x.ply").to_str().unwrap()]), 2, ".stl");
    assert_fails(&predict(&new, &["--segments", path("none.csv").to_str().unwrap()]), 1, "none.csv");
    assert!(!new.exists());
}

#[test]
fn masks_are_converted_from_form_to_form() {
    let data = Data::new();
    let path = |name: &str| data.path(name);
    let (nifti, like) = (path("mask.nii.gz"), series().to_str().unwrap().to_owned());
    write_label(&nifti, &mask_of_series()).unwrap();
    // Its affine has the file's precision.
    let mask = read_label(&nifti).unwrap();
    fs::write(path("names.csv"), "label,name\n1,liver\n2,left kidney\n").unwrap();
    let table = path("names.csv").to_str().unwrap().to_owned();
    let forms: [(&str, &[&str]); 4] = [
        ("seg.dcm", &["--segments", &table, "--like", &like]),
        ("map.dcm", &["--segments", &table, "--like", &like, "--label-map"]),
        ("outlines.dcm", &["--segments", &table, "--like", &like, "--rtstruct"]),
        ("mask.seg.nrrd", &["--segments", &table]),
    ];
    for (name, more) in forms {
        let output = convert(&nifti, &path(name), more);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let (back, names) = (path("back.nii.gz"), path("back.csv"));
        let more = ["--like", &like, "--save-segments", names.to_str().unwrap()];
        let output = convert(&path(name), &back, &more);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        let read = read_label(&back).unwrap();
        assert_eq!((read.data, read.geometry.affine()), (mask.data.clone(), mask.geometry.affine()), "{name}");
        let names = fs::read_to_string(names).unwrap();
        assert!(names.contains("liver") && names.contains("left kidney"), "{name}: {names}");
    }
    let set = structure_set::read(path("outlines.dcm")).unwrap();
    assert_eq!(set.rois.iter().map(|roi| roi.name.as_str()).collect::<Vec<_>>(), ["liver", "left kidney"]);
    for name in ["organs.stl", "organs.obj"] {
        let output = convert(&nifti, &path(name), &["--smooth", "5"]);
        assert!(output.status.success() && fs::metadata(path(name)).unwrap().len() > 500, "{}", stderr(&output));
    }
    // A structure set has no grid, a surface no voxels, another grid no series.
    assert_fails(&convert(&path("outlines.dcm"), &path("a.nii"), &[]), 2, "--like");
    for (object, hint) in [("seg.dcm", "mask.nii.gz` makes"), ("outlines.dcm", "--like DICOM_FOLDER` makes")] {
        assert_fails(&medseg("inspect").arg(path(object)).output().unwrap(), 1, hint);
    }
    assert_fails(&convert(&path("organs.stl"), &path("a.nii"), &[]), 1, "organs.stl");
    assert_fails(&convert(&nifti, &path("a.dcm"), &[]), 1, "needs a DICOM series");
    let phantom = data.path("data/label/phantom_000.nii.gz");
    assert_fails(&convert(&phantom, &path("a.dcm"), &["--like", &like]), 1, "does not lie on the series' grid");
    let empty = mask.map_data(|_| 0_u8);
    write_label(path("empty.nii"), &empty).unwrap();
    assert_fails(&convert(&path("empty.nii"), &path("a.stl"), &[]), 1, "no surface");
    fs::write(path("broken.dcm"), &fs::read(path("seg.dcm")).unwrap()[..700]).unwrap();
    assert_fails(&convert(&path("broken.dcm"), &path("a.nii"), &[]), 1, "broken.dcm");
    for name in ["a.nii", "a.dcm", "a.stl"] {
        assert!(!path(name).exists(), "{name}");
    }
}

#[test]
fn a_page_shows_an_image_and_its_masks_without_their_places() {
    let data = Data::new();
    let (image, label) = (data.path("data/image/phantom_000.nii.gz"), data.path("data/label/phantom_000.nii.gz"));
    let page = data.path("page.html");
    let view = |image: &Path, mask: &Path, page: &Path| {
        medseg("view").args([image, mask]).arg("-o").arg(page).output().unwrap()
    };
    let output = view(&image, &label, &page);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("phantom_000") && !text.contains(data.dir.path().to_str().unwrap()));
    // Of a series, with a segmentation.
    let nifti = data.path("mask.nii");
    write_label(&nifti, &mask_of_series()).unwrap();
    let segmentation = data.path("mask.dcm");
    assert!(convert(&nifti, &segmentation, &["--like", series().to_str().unwrap()]).status.success());
    let output = view(&series(), &segmentation, &page);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_fails(&view(&image, &segmentation, &page), 1, "mask.dcm");
    assert_fails(&view(&image, &nifti, &page), 1, "grid");
    assert_fails(&view(&image, &label, &image), 2, ".html");
    assert_fails(&view(&image, &data.path("none.nii"), &page), 1, "none.nii");
}
