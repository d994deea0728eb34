//! The commands on files: `inspect`, `convert`, `metrics`, `devices`, `completions`, `man`; and outputs that are inputs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use medseg_volume::ndarray::Array3;
use medseg_volume::{Dhw, Geometry, Volume, read_image, read_label, write_image, write_label};
use serde_json::Value;

use crate::support::{Data, assert_fails, medseg, stderr};

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&stdout(&command.arg("--json").output().unwrap())).expect("one JSON object")
}

fn geometry() -> Geometry {
    Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 }).unwrap()
}

fn image(path: &Path) {
    let data = Array3::from_shape_fn((4, 6, 8), |(d, h, w)| (100 * d + 10 * h + w) as f32 - 200.0);
    write_image(path, &Volume::new(data, geometry())).unwrap();
}

/// Label 1 in the first half of the slices and 2 in the rest, or exchanged.
fn labels(path: &Path, exchanged: bool) {
    let data = Array3::from_shape_fn((4, 6, 8), |(d, ..)| if (d < 2) != exchanged { 1 } else { 2 });
    write_label(path, &Volume::new(data, geometry())).unwrap();
}

#[test]
fn a_volume_is_described_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ct.nii.gz");
    image(&path);
    let text = stdout(&medseg("inspect").arg(&path).output().unwrap());
    assert!(text.contains("4x6x8") && text.contains("orientation  LPS") && text.contains("histogram"), "{text}");
    let found = json(medseg("inspect").arg(&path));
    assert_eq!(found["shape"], serde_json::json!([4, 6, 8]));
    assert_eq!((&found["minimum"], &found["maximum"]), (&(-200.0).into(), &157.0.into()));
    assert_eq!(found["not_finite_voxels"], 0);
    assert_fails(&medseg("inspect").arg(folder.path().join("none.nii")).output().unwrap(), 1, "none.nii");
}

#[test]
fn labels_are_described_by_their_volumes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.nii.gz");
    let data = Array3::from_shape_fn((4, 6, 8), |(d, h, _)| if h == 0 { [0, 1, 1, 7][d] } else { 0 });
    let ml = 8.0 * geometry().voxel_volume_mm3() / 1000.0;
    write_label(&path, &Volume::new(data, geometry())).unwrap();
    let found = json(medseg("inspect").arg(&path));
    let volumes = found["labels_ml"].as_object().unwrap();
    assert_eq!(volumes.keys().collect::<Vec<_>>(), ["1", "7"]);
    // A header stores the spacing in f32.
    let is = |label: &str, want: f64| (volumes[label].as_f64().unwrap() / want - 1.0).abs() < 1e-5;
    assert!(is("1", 2.0 * ml) && is("7", ml), "{volumes:?}");
    let text = stdout(&medseg("inspect").arg(&path).output().unwrap());
    assert!(text.contains(&format!("labels       1 {:.1} ml, 7 {ml:.1} ml", 2.0 * ml)), "{text}");
    // Intensities, and whole numbers without a 0, are no labels.
    for values in [[0.0, 0.5, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0], [-1.0, 0.0, 1.0, 2.0]] {
        let data = Array3::from_shape_fn((4, 6, 8), |(d, ..)| values[d]);
        write_image(&path, &Volume::new(data, geometry())).unwrap();
        assert!(json(medseg("inspect").arg(&path)).get("labels_ml").is_none(), "{values:?}");
    }
}

#[test]
fn a_volume_is_converted_and_back_with_every_voxel_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    image(&path("ct.nii.gz"));
    let original = read_image(path("ct.nii.gz")).unwrap();
    for name in ["ct.nrrd", "ct.mha", "ct.mhd", "ct.nhdr", "ct.nii"] {
        let output = medseg("convert").args([path("ct.nii.gz"), path(name)]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let found = read_image(path(name)).unwrap();
        assert_eq!(found.data, original.data, "{name}");
        assert!(found.geometry.same_grid(&original.geometry, original.shape(), 1e-4), "{name}");
    }
    assert_fails(&medseg("convert").args([path("ct.nii.gz"), path("ct.png")]).output().unwrap(), 2, "ct.png");
    let quiet = medseg("convert").args([path("ct.nii.gz"), path("a.nii")]).arg("--quiet").output().unwrap();
    assert!(quiet.status.success() && stderr(&quiet).is_empty(), "{}", stderr(&quiet));
}

/// A file of several frames, which is a whole volume.
#[test]
#[cfg(feature = "dicom")]
fn one_dicom_file_is_inspected_converted_and_segmented() {
    let data = Data::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/enhanced_ct.dcm");
    let found = json(medseg("inspect").arg(&file));
    let output = medseg("convert").arg(&file).arg(data.path("ct.nii.gz")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let volume = read_image(data.path("ct.nii.gz")).unwrap();
    assert_eq!(found["shape"], serde_json::json!(volume.shape().to_array()));
    assert!(volume.shape().d > 1, "{}", volume.shape());
    assert!(data.run("one-stage", &[]).status.success());
    let predict = |image: &Path, mask: &str| {
        let output = medseg("predict").args([&data.path("out"), image, &data.path(mask)]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        read_label(data.path(mask)).unwrap()
    };
    let (of_file, of_volume) = (predict(&file, "a.nii.gz"), predict(&data.path("ct.nii.gz"), "b.nii.gz"));
    assert_eq!(of_file.data, of_volume.data);
    // A folder of two series asks for one.
    fs::create_dir(data.path("two")).unwrap();
    fs::copy(&file, data.path("two/a.dcm")).unwrap();
    let mut other = fs::read(&file).unwrap();
    let uid = found_uid(&other);
    other[uid] ^= 1;
    fs::write(data.path("two/b.dcm"), other).unwrap();
    let output = medseg("convert").arg(data.path("two")).arg(data.path("c.nii")).output().unwrap();
    assert_fails(&output, 1, "--series");
}

/// The last digit of the series' UID in an explicit little-endian file.
#[cfg(feature = "dicom")]
fn found_uid(bytes: &[u8]) -> usize {
    let at = bytes.windows(6).position(|window| window == b"\x20\x00\x0e\x00UI").expect("a series UID");
    let length = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
    let text = &bytes[at + 8..at + 8 + length];
    at + 8 + text.iter().rposition(u8::is_ascii_digit).expect("a digit")
}

#[test]
fn classes_are_scored_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    labels(&path("reference.nii.gz"), false);
    labels(&path("exchanged.nii.gz"), true);
    let scores = |more: &[&str]| {
        let mut command = medseg("metrics");
        json(command.args([path("reference.nii.gz"), path("exchanged.nii.gz")]).args(more))
    };
    let exchanged = scores(&[]);
    let rows = exchanged["labels"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["label"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    assert!(rows.iter().all(|row| row["dice"] == 0.0), "{exchanged}");
    assert_eq!(scores(&["--labels", "2"])["labels"].as_array().unwrap().len(), 1);
    assert_eq!(scores(&["--labels", "1,2", "--merge"])["labels"][0]["dice"], 1.0);
    let mapped = scores(&["--map", "2=1,1=2"]);
    assert!(mapped["labels"].as_array().unwrap().iter().all(|row| row["dice"] == 1.0), "{mapped}");
    let mapped = scores(&["--map", "2=1"]);
    assert_eq!((mapped["labels"].as_array().unwrap().len(), &mapped["labels"][0]["dice"]), (1, &1.0.into()));
    for bad in ["2", "0=1", "1=0", "300=1", "1=2,1=1"] {
        let mut command = medseg("metrics");
        command.args([path("reference.nii.gz"), path("exchanged.nii.gz")]).args(["--map", bad]);
        assert_fails(&command.output().unwrap(), 2, "--map");
    }
    let table = medseg("metrics").args([path("reference.nii.gz"), path("reference.nii.gz")]).output().unwrap();
    let table = stdout(&table);
    assert!(table.lines().count() == 4 && table.contains("mean") && table.contains("1.0000"), "{table}");

    let mut zero = medseg("metrics");
    zero.args([path("reference.nii.gz"), path("reference.nii.gz")]).args(["--labels", "0"]);
    assert_fails(&zero.output().unwrap(), 2, "--labels");
    let other = Volume::new(Array3::<u8>::ones((4, 6, 8)), Geometry::from_spacing(Dhw::splat(2.0)).unwrap());
    write_label(path("other.nii.gz"), &other).unwrap();
    let grids = medseg("metrics").args([path("reference.nii.gz"), path("other.nii.gz")]).output().unwrap();
    assert_fails(&grids, 1, "other.nii.gz");
}

/// Every command that writes a volume, with an input as its output, under every name that leads to it.
#[test]
#[cfg(unix)]
fn an_output_never_replaces_an_input() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let scan = data.path("scan.nii.gz");
    fs::copy(data.path("data/image/phantom_000.nii.gz"), &scan).unwrap();
    let (link, hard) = (data.path("link.nii.gz"), data.path("hard.nii.gz"));
    std::os::unix::fs::symlink(&scan, &link).unwrap();
    fs::hard_link(&scan, &hard).unwrap();
    let before = fs::read(&scan).unwrap();
    for (read, written) in [(&scan, &scan), (&scan, &link), (&link, &scan), (&scan, &hard)] {
        let predict = medseg("predict").arg(data.path("out")).args([read, written]).output().unwrap();
        assert_fails(&predict, 2, written.file_name().unwrap().to_str().unwrap());
        let convert = medseg("convert").args([read, written]).output().unwrap();
        assert_fails(&convert, 2, written.file_name().unwrap().to_str().unwrap());
        assert_eq!(fs::read(&scan).unwrap(), before);
    }
    let out = data.path("data");
    let train = medseg("train").args(["one-stage", "--data"]).arg(&out).arg("--out").arg(&out).output().unwrap();
    assert_fails(&train, 2, "data");
    let mut prepare = medseg("prepare");
    prepare.arg("--data").arg(&out).arg("--out").arg(&out).args(["--step", "resized"]);
    assert_fails(&prepare.output().unwrap(), 2, "data");
    assert!(read_label(data.path("data/label/phantom_000.nii.gz")).is_ok());
}

#[test]
fn a_prediction_is_reported_as_json_and_in_silence() {
    let data = Data::new();
    assert!(data.run("one-stage", &["--quiet"]).status.success());
    let predict = |mask: &str| {
        let mut command = medseg("predict");
        command.args([data.path("out"), data.path("data/image/phantom_000.nii.gz"), data.path(mask)]);
        command
    };
    let found = json(&mut predict("mask.nii.gz"));
    assert_eq!(found["mask"].as_str().unwrap(), data.path("mask.nii.gz").to_str().unwrap());
    assert!(found["plan"]["windows"].as_u64().unwrap() > 0 && found["volumes_ml"].is_object(), "{found}");
    let dry = json(predict("never.nii.gz").arg("--dry-run"));
    assert!(dry["mask"].is_null() && !data.path("never.nii.gz").exists());
    let quiet = predict("quiet.nrrd").arg("--quiet").output().unwrap();
    assert!(quiet.status.success() && quiet.stdout.is_empty() && stderr(&quiet).is_empty(), "{}", stderr(&quiet));
    assert_eq!(read_label(data.path("quiet.nrrd")).unwrap().data, read_label(data.path("mask.nii.gz")).unwrap().data);
}

#[test]
fn an_image_that_holds_no_number_is_refused_and_a_few_such_voxels_are_counted() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let scan = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let predict = |image: &str| {
        medseg("predict").args([data.path("out"), data.path(image), data.path("mask.nii.gz")]).output().unwrap()
    };
    let mut nothing = scan.clone();
    nothing.data.fill(f32::NAN);
    write_image(data.path("nothing.nii"), &nothing).unwrap();
    assert_fails(&predict("nothing.nii"), 1, "nothing.nii");
    assert!(!data.path("mask.nii.gz").exists());
    let mut few = scan;
    few.data[[0, 0, 0]] = f32::INFINITY;
    write_image(data.path("few.nii"), &few).unwrap();
    let text = stderr(&predict("few.nii"));
    assert!(
        text.lines().any(|line| line.starts_with("warning: ") && line.contains("few.nii") && line.contains('1')),
        "{text}"
    );
}

#[test]
fn cases_are_resampled_for_training_and_masks_come_back() {
    let data = Data::new();
    let output = data.run("one-stage", &["--spacing", "9,4,4"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let config = fs::read_to_string(data.path("out/bundle/bundle.json")).unwrap();
    assert!(config.contains("spacing_mm"), "{config}");
    let image = data.path("data/image/phantom_000.nii.gz");
    let mask = data.path("mask.nii.gz");
    assert!(medseg("predict").args([&data.path("out"), &image, &mask]).output().unwrap().status.success());
    assert_eq!(read_label(&mask).unwrap().shape(), read_image(&image).unwrap().shape());
    assert_fails(&data.run("one-stage", &["--spacing", "1,2"]), 2, "--spacing");
    assert_fails(&data.run("one-stage", &["--spacing", "0,1,1"]), 2, "spacing");
}

#[test]
fn a_shell_and_a_manual_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let text = stdout(&medseg("completions").arg(shell).output().unwrap());
        assert!(text.contains("predict") && text.contains("completions"), "{shell}");
    }
    assert!(stdout(&medseg("man").output().unwrap()).contains(".TH"));
    assert!(medseg("man").arg("--out").arg(folder.path()).output().unwrap().status.success());
    let pages = fs::read_dir(folder.path()).unwrap().count();
    assert!(pages > 10, "{pages} pages");
    assert!(folder.path().join("medseg-train.1").is_file());
}

#[test]
fn devices_are_listed() {
    let found = json(&mut medseg("devices"));
    let names: Vec<&str> = found["devices"].as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("cpu")), "{names:?}");
    assert!(found["cpu_threads"].as_u64().unwrap() > 0);
}

#[test]
fn without_a_command_there_is_help_with_examples() {
    let bare = Command::new(env!("CARGO_BIN_EXE_medseg")).output().unwrap();
    assert_eq!(bare.status.code(), Some(2));
    let help = stdout(&Command::new(env!("CARGO_BIN_EXE_medseg")).arg("--help").output().unwrap());
    for word in ["train", "predict", "metrics", "inspect", "convert", "devices", "Examples:"] {
        assert!(help.contains(word), "{word}");
    }
}
