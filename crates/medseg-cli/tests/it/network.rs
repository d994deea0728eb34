//! Bundles of any network as a user makes and uses them: weights of OBELISK's U-Net with few channels.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use medseg_bundle::{NetworkBundle, NetworkBundleConfig};
use medseg_network::Network;
use medseg_volume::{Dhw, Geometry, Volume, WriteOptions, read_image, read_label, write_channels, write_image};
use ndarray::{Array3, Axis, stack};
use serde_json::Value;

use crate::support::{Data, assert_fails, medseg, stderr};

/// A file of weights that PyTorch wrote.
fn weights(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../medseg-obelisk/tests/golden/weights").join(format!("{name}.pth"))
}

/// A folder with a CT and an imported bundle of two folds.
struct Work {
    dir: tempfile::TempDir,
}

impl Work {
    fn new(folds: &[&str]) -> Self {
        let work = Self { dir: tempfile::tempdir().unwrap() };
        let body = |y: usize, x: usize| (3..17).contains(&y) && (2..19).contains(&x);
        let hu = |(z, y, x): (usize, usize, usize)| {
            if body(y, x) { ((z * 31 + y * 17 + x * 7) % 97) as f32 } else { -1000.0 }
        };
        let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -1.5, w: -1.25 }).unwrap();
        write_image(work.path("ct.nii.gz"), &Volume::new(Array3::from_shape_fn((12, 20, 22), hu), geometry)).unwrap();
        let output = work.import(folds, "bundle");
        assert!(output.status.success(), "{}", stderr(&output));
        work
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn import(&self, folds: &[&str], to: &str) -> Output {
        let files = folds.iter().map(|name| weights(name));
        medseg("import").arg("obelisk").args(files).arg(self.path(to)).output().unwrap()
    }

    fn predict(&self, mask: &str, more: &[&str]) -> Output {
        let mut command = medseg("predict");
        command.args([self.path("bundle"), self.path("ct.nii.gz"), self.path(mask)]);
        command.args(["--device", "cpu"]).args(more).current_dir(self.dir.path()).output().unwrap()
    }

    /// Names of all files and folders.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn voxels(path: &Path) -> Array3<f32> {
    read_image(path).unwrap().data
}

#[test]
fn weights_become_a_bundle_that_predicts_with_all_its_extras() {
    let work = Work::new(&["fold1_old", "fold2"]);
    assert!(work.path("bundle/fold_01.safetensors").is_file());
    let more = ["--json", "--certainty", "--save-entropy", "entropy.nii.gz", "--save-probabilities", "classes"];
    let result = json(&work.predict("mask.nii.gz", &more));
    let (mask, ct) = (read_label(work.path("mask.nii.gz")).unwrap(), read_image(work.path("ct.nii.gz")).unwrap());
    assert_eq!((mask.shape(), mask.geometry.affine()), (ct.shape(), ct.geometry.affine()));
    assert_eq!((&result["plan"]["folds"], &result["plan"]["windows"]), (&Value::from(2), &Value::from(1)));
    assert_eq!(result["plan"]["grid"], serde_json::json!([144, 144, 144]));
    let counted: f64 = result["volumes_ml"].as_object().unwrap().values().map(|ml| ml.as_f64().unwrap()).sum();
    let found = mask.data.iter().filter(|label| **label > 0).count() as f64;
    assert!((counted - found * 5.0 * 1.5 * 1.25 / 1000.0).abs() < 1e-6, "{counted} {found}");
    let entropy = voxels(&work.path("entropy.nii.gz"));
    assert!(entropy.dim() == mask.data.dim() && entropy.iter().all(|e| (0.0..=1.1).contains(e)));
    let classes = ["00_background", "01_label_1", "02_label_2"];
    let of = classes.map(|name| voxels(&work.path(&format!("classes/{name}.nii.gz"))));
    assert_eq!(fs::read_dir(work.path("classes")).unwrap().count(), 3);
    for (at, sum) in (&(&of[0] + &of[1]) + &of[2]).indexed_iter() {
        assert!((sum - 1.0).abs() < 0.01, "{sum} at {at:?}");
    }
    // The body's box is a part of the image; beyond is nothing but background.
    assert!(of[0][[0, 0, 0]] > 0.999 && mask.data[[0, 0, 0]] == 0 && entropy[[0, 0, 0]] == 0.0);
    let certainty = &result["certainty"];
    assert!((0.0..=1.0).contains(&certainty["mean_probability"].as_f64().unwrap()));
    assert!(certainty["mean_spread"].as_f64().unwrap() > 0.0 || found == 0.0);
    // The same without extras.
    let plain = json(&work.predict("plain.nii.gz", &["--json"]));
    assert_eq!((read_label(work.path("plain.nii.gz")).unwrap().data, &plain["certainty"]), (mask.data, &Value::Null));
}

#[test]
fn folds_are_chosen_by_their_numbers() {
    let work = Work::new(&["fold1_old", "fold2"]);
    let masks: Vec<Array3<u8>> = [&["--folds", "0"][..], &["--folds", "1"], &["--folds", "0,1"], &[]]
        .into_iter()
        .map(|folds| {
            let output = work.predict("mask.nii", folds);
            assert!(output.status.success(), "{}", stderr(&output));
            read_label(work.path("mask.nii")).unwrap().data
        })
        .collect();
    assert_eq!(masks[2], masks[3]);
    assert!(masks[0] != masks[1], "the folds have other weights");
    assert_fails(&work.predict("none.nii", &["--folds", "2"]), 1, "no fold 2");
    assert_fails(&work.predict("none.nii", &["--folds", "all"]), 2, "--folds");
    assert!(!work.path("none.nii").exists());
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let work = Work::new(&["tiny"]);
    let more = ["--dry-run", "--json", "--save-entropy", "entropy.nii", "--save-probabilities", "classes"];
    let output = work.predict("mask.nii", &more);
    let plan = json(&output);
    assert_eq!(plan["plan"]["image"], serde_json::json!([12, 20, 22]));
    assert!(plan["plan"]["memory_bytes"].as_u64().unwrap() > 4 * 144_u64.pow(3));
    assert!(stderr(&output).contains("memory: at most"), "{}", stderr(&output));
    assert_eq!(work.names(), ["bundle", "ct.nii.gz"]);
    // What would fail fails in a dry run too.
    let nothing = Volume::new(Array3::from_elem((4, 4, 4), f32::NAN), Geometry::from_spacing(Dhw::splat(1.0)).unwrap());
    write_image(work.path("ct.nii.gz"), &nothing).unwrap();
    let failed = work.predict("mask.nii", &["--dry-run"]);
    assert!(!failed.status.success(), "{}", stderr(&failed));
}

#[test]
fn memory_and_temperature_are_kept_or_refused() {
    let work = Work::new(&["tiny"]);
    assert_fails(&work.predict("mask.nii", &["--memory", "1"]), 1, "MiB allowed");
    assert_eq!(work.names(), ["bundle", "ct.nii.gz"]);
    for bad in ["0", "-1", "nan"] {
        let output = work.predict("mask.nii", &[&format!("--temperature={bad}")]);
        assert!(!output.status.success() && !stderr(&output).contains("panicked"), "{}", stderr(&output));
    }
    let cold = ["--temperature", "0.5", "--certainty", "--memory", "100000"];
    let output = work.predict("mask.nii", &cold);
    assert!(output.status.success() && stderr(&output).contains("mean probability"), "{}", stderr(&output));
}

#[test]
fn outputs_replace_nothing_that_is_read_and_no_other_output() {
    let work = Work::new(&["tiny"]);
    let ct = fs::read(work.path("ct.nii.gz")).unwrap();
    assert_fails(&work.predict("ct.nii.gz", &[]), 2, "ct.nii.gz");
    assert_fails(&work.predict("mask.nii.gz", &["--save-entropy", "ct.nii.gz"]), 2, "ct.nii.gz");
    assert_fails(&work.predict("mask.nii.gz", &["--save-entropy", "mask.nii.gz"]), 2, "mask.nii.gz");
    assert_fails(&work.predict("mask.nii.gz", &["--save-entropy", "./mask.nii.gz"]), 2, "mask.nii.gz");
    assert_fails(&work.predict("mask.nii.gz", &["--save-entropy", "entropy.png"]), 2, "entropy.png");
    assert_fails(&work.predict("mask.nii.gz", &["--save-entropy", "no/entropy.nii"]), 1, "no/entropy.nii");
    // A folder of probabilities whose file would be the image itself.
    let folder = work.path("classes");
    fs::create_dir(&folder).unwrap();
    fs::rename(work.path("ct.nii.gz"), folder.join("01_label_1.nii.gz")).unwrap();
    let image = folder.join("01_label_1.nii.gz");
    let mut command = medseg("predict");
    command.args([work.path("bundle"), image.clone(), work.path("mask.nii.gz")]);
    let output = command.arg("--save-probabilities").arg(&folder).output().unwrap();
    assert_fails(&output, 2, "01_label_1.nii.gz");
    assert_eq!(fs::read(image).unwrap(), ct);
    assert_eq!(work.names(), ["bundle", "classes"]);
}

#[test]
fn imports_that_cannot_be_are_refused_and_write_nothing() {
    let work = Work::new(&["tiny"]);
    assert_fails(&work.import(&["other_network"], "new"), 1, "other_network.pth");
    assert_fails(&work.import(&["wrong_shape"], "new"), 1, "conv44.weight");
    assert_fails(&work.import(&["not_a_number"], "new"), 1, "batch6bU.running_var");
    assert_fails(&work.import(&["fold1_old", "tiny"], "new"), 1, "tiny.pth");
    assert_fails(&work.import(&["none"], "new"), 1, "none.pth");
    assert_eq!(work.import(&[], "new").status.code(), Some(2));
    assert!(!work.path("new").exists());
    // Over one of the files, over their folder, over something else.
    let copy = work.path("copy.pth");
    fs::copy(weights("tiny"), &copy).unwrap();
    let over = medseg("import").arg("obelisk").args([&copy, &copy]).output().unwrap();
    assert_fails(&over, 2, "copy.pth");
    let over = medseg("import").arg("obelisk").arg(&copy).arg(work.dir.path()).output().unwrap();
    assert!(!over.status.success() && !stderr(&over).contains("panicked"));
    assert_eq!(fs::read(&copy).unwrap(), fs::read(weights("tiny")).unwrap());
    fs::create_dir(work.path("mine")).unwrap();
    fs::write(work.path("mine/notes.txt"), "mine").unwrap();
    assert_fails(&work.import(&["tiny"], "mine"), 1, "mine");
    assert_eq!(fs::read_to_string(work.path("mine/notes.txt")).unwrap(), "mine");
    // A bundle that is there is replaced.
    assert!(work.import(&["fold1_old", "fold2"], "bundle").status.success());
    assert!(work.path("bundle/fold_01.safetensors").is_file());
}

#[test]
fn a_damaged_bundle_is_refused_by_the_name_of_its_file() {
    let work = Work::new(&["tiny"]);
    let file = work.path("bundle/fold_00.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len();
    bytes[end - 1] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_fails(&work.predict("mask.nii", &[]), 1, "fold_00.safetensors");
    assert_eq!(work.names(), ["bundle", "ct.nii.gz"]);
}

#[test]
fn options_of_other_kinds_of_models_are_refused() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let (out, image, mask) = (data.path("out"), data.path("data/image/phantom_000.nii.gz"), data.path("mask.nii.gz"));
    for (more, what) in [(&["--temperature", "2"], "--temperature"), (&["--folds", "0"], "--folds")] {
        let output = medseg("predict").args([&out, &image, &mask]).args(more).output().unwrap();
        assert_fails(&output, 2, what);
    }
    assert!(!mask.exists());
}

/// A folder with a bundle of two channels and images for it: `a` in one file, `b` in two.
fn two_channels() -> (tempfile::TempDir, [Array3<f32>; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let config = medseg_architecture::networks::UNetPlusPlusConfig {
        in_channels: 2,
        out_channels: 3,
        channels: vec![2, 3],
        ..Default::default()
    };
    let device = burn::tensor::Device::flex();
    let architecture = config.architecture().unwrap();
    let network = Network::seeded(&architecture, 4, &device).unwrap();
    let bundle = NetworkBundle::new(NetworkBundleConfig::new("two", architecture).unwrap(), vec![network], &device);
    bundle.unwrap().save(dir.path().join("bundle")).unwrap();
    fs::create_dir(dir.path().join("images")).unwrap();
    let channel = |seed| {
        let values = medseg_testing::noise(9 * 10 * 11, seed).into_iter().map(|value| value as f32).collect();
        Array3::from_shape_vec((9, 10, 11), values).unwrap()
    };
    let channels = [channel(1), channel(2)];
    let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: -1.5, w: -1.25 }).unwrap();
    let both = stack(Axis(0), &[channels[0].view(), channels[1].view()]).unwrap();
    write_channels(dir.path().join("images/a.nii.gz"), &both, &geometry, &WriteOptions::default()).unwrap();
    for (name, channel) in ["b_0000.nii.gz", "b_0001.nii.gz"].into_iter().zip(&channels) {
        let volume = Volume::new(channel.clone(), geometry.clone());
        write_image(dir.path().join("images").join(name), &volume).unwrap();
    }
    (dir, channels)
}

#[test]
fn channels_come_from_one_file_or_from_numbered_ones() {
    let (dir, channels) = two_channels();
    let path = |name: &str| dir.path().join(name);
    let predict = |image: &str, mask: &str| {
        let paths = [path("bundle"), path("images").join(image), path(mask)];
        medseg("predict").args(paths).args(["--device", "cpu"]).output().unwrap()
    };
    let masks = ["a.nii.gz", "b_0000.nii.gz"].map(|image| {
        let output = predict(image, "mask.nii");
        assert!(output.status.success(), "{}", stderr(&output));
        read_label(path("mask.nii")).unwrap().data
    });
    assert_eq!(masks[0], masks[1]);
    assert!(masks[0].iter().any(|label| *label > 0));
    let output = medseg("predict").args([path("bundle"), path("images"), path("masks")]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for name in ["a", "b"] {
        assert_eq!(read_label(path("masks").join(format!("{name}.nii.gz"))).unwrap().data, masks[0], "{name}");
    }
    // One channel alone, the second file alone, a file that is not there, and one of DICOM.
    let geometry = Geometry::from_spacing(Dhw::splat(1.0)).unwrap();
    write_image(path("images/one.nii"), &Volume::new(channels[0].clone(), geometry)).unwrap();
    assert_fails(&predict("one.nii", "none.nii"), 1, "1 channel(s), and the model takes 2");
    assert_fails(&predict("b_0001.nii.gz", "none.nii"), 2, "_0000");
    assert_fails(&predict("none.nii.gz", "none.nii"), 1, "none.nii.gz");
    assert!(!path("none.nii").exists());
}
