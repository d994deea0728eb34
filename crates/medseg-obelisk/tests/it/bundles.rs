//! Imported bundles, saved and opened; damaged and forged ones are refused.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::{BundleError, FileDigest, NetworkBundle};
use medseg_testing::bits;
use medseg_volume::{Dhw, Geometry, error_chain};
use ndarray::Array4;
use serde_json::{Value, json};

use crate::{imported, scores};

fn saved(names: &[&str], folder: &Path) {
    imported(names).save(folder).unwrap();
}

fn settings(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("bundle.json")).unwrap()).unwrap()
}

/// The error of opening a bundle whose settings were changed.
#[track_caller]
fn refused(folder: &Path, what: &str) -> BundleError {
    let error = NetworkBundle::open(folder, &Device::flex()).map(|_| ()).expect_err(what);
    let text = error_chain(&error);
    assert!(text.contains(what) && !text.contains('\n'), "{text} does not name {what}");
    error
}

#[test]
fn a_saved_bundle_has_the_same_logits_and_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("obelisk");
    let made = imported(&["fold1_old", "fold2"]);
    made.save(&path).unwrap();
    assert!(NetworkBundle::is_one(&path));
    let opened = NetworkBundle::open(&path, &Device::flex()).unwrap();
    assert_eq!(bits(&scores(&opened)), bits(&scores(&made)));
    let mut config = opened.config().clone();
    assert_eq!(config.weights.len(), 2);
    config.weights.clear();
    assert_eq!(&config, made.config());
    for (number, name) in ["fold1_old", "fold2"].iter().enumerate() {
        let one = NetworkBundle::open_folds(&path, Some(&[number]), &Device::flex()).unwrap();
        assert_eq!(bits(&scores(&one)), bits(&scores(&imported(&[name]))));
    }
    let names: Vec<String> =
        fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    // Saved again, it replaces itself; something else is left alone.
    opened.save(&path).unwrap();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes.txt"), "mine").unwrap();
    assert!(opened.save(&other).is_err());
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn no_such_fold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    saved(&["tiny"], folder.path().join("b").as_path());
    let error = NetworkBundle::open_folds(folder.path().join("b"), Some(&[1]), &Device::flex()).map(|_| ());
    assert!(error.unwrap_err().to_string().contains("no fold 1"));
    assert!(NetworkBundle::open_folds(folder.path().join("b"), Some(&[]), &Device::flex()).is_err());
}

#[test]
fn damaged_missing_and_swapped_weights_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    saved(&["fold1_old", "fold2"], &path);
    let files = ["fold_00.safetensors", "fold_01.safetensors"].map(|name| path.join(name));
    let sound = files.each_ref().map(|file| fs::read(file).unwrap());
    for at in [0, 9, 400, sound[1].len() - 1] {
        let mut bytes = sound[1].clone();
        bytes[at] ^= 1;
        fs::write(&files[1], &bytes).unwrap();
        refused(&path, "fold_01.safetensors");
    }
    fs::write(&files[1], &sound[1][..sound[1].len() - 4]).unwrap();
    refused(&path, "fold_01.safetensors");
    fs::write(&files[1], &sound[0]).unwrap();
    refused(&path, "fold_01.safetensors");
    fs::remove_file(&files[1]).unwrap();
    refused(&path, "fold_01.safetensors");
    // A fold that is not asked for need not be sound.
    assert!(NetworkBundle::open_folds(&path, Some(&[0]), &Device::flex()).is_ok());
    fs::write(&files[1], &sound[1]).unwrap();
    assert!(NetworkBundle::open(&path, &Device::flex()).is_ok());
}

#[test]
fn forged_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    saved(&["tiny"], &path);
    let sound = settings(&path);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = sound.clone();
        change(&mut value);
        fs::write(path.join("bundle.json"), value.to_string()).unwrap();
    };
    let digest = sound["weights"]["fold_00.safetensors"].clone();
    // The file outside is the sound one, with its checksum.
    fs::copy(path.join("fold_00.safetensors"), folder.path().join("x.safetensors")).unwrap();
    let outside = folder.path().join("x.safetensors").display().to_string();
    for name in [
        "../x.safetensors",
        &outside,
        "..\\x.safetensors",
        ".x.safetensors",
        "sub/x.safetensors",
        "x.pth",
        "",
        "\u{0}.safetensors",
    ] {
        with(&|value| value["weights"] = json!({ name: digest }));
        refused(&path, "no name of a file");
    }
    with(&|value| value["surprise"] = json!(1));
    refused(&path, "surprise");
    with(&|value| value["architecture"]["surprise"] = json!(1));
    refused(&path, "surprise");
    with(&|value| value["architecture"]["stages"][0]["block"]["steps"][0]["surprise"] = json!(1));
    refused(&path, "bundle.json");
    with(&|value| value["kind"] = json!("cascade"));
    assert!(!NetworkBundle::is_one(&path));
    refused(&path, "another kind");
    with(&|value| value["schema"] = json!(2));
    refused(&path, "schema is 2");
    with(&|value| value["temperature"] = json!(0.0));
    refused(&path, "temperature");
    with(&|value| value["labels"] = json!({ "2": "lung" }));
    refused(&path, "label 2");
    with(&|value| {
        value["preprocessing"]["steps"] = json!([{ "transform": "rand_flip", "p": 0.5, "axes": [true, true, true] }])
    });
    refused(&path, "random");
    with(&|value| value["weights"] = json!({}));
    refused(&path, "");
    with(&|value| value["architecture"]["stages"][0]["block"]["steps"][0]["kernel"] = json!([1_u64 << 60, 1, 1]));
    refused(&path, "conv0");
    // Weights of another shape than the settings say.
    with(&|value| value["architecture"]["stages"][11]["block"]["steps"][0]["channels"] = json!(3));
    refused(&path, "conv77U");
    fs::write(path.join("bundle.json"), "[".repeat(200_000)).unwrap();
    refused(&path, "bundle.json");
    fs::remove_file(path.join("bundle.json")).unwrap();
    refused(&path, "bundle.json");
    with(&|_| ());
    assert!(NetworkBundle::open(&path, &Device::flex()).is_ok());
}

#[test]
fn a_weight_that_is_no_number_is_refused_even_with_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b");
    saved(&["tiny"], &path);
    let file = path.join("fold_00.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&file, bytes).unwrap();
    refused(&path, "fold_00.safetensors");
    let mut value = settings(&path);
    let digest = digest_of(&file);
    value["weights"]["fold_00.safetensors"] = digest;
    fs::write(path.join("bundle.json"), value.to_string()).unwrap();
    refused(&path, "NaN");
}

fn digest_of(file: &Path) -> Value {
    serde_json::to_value(FileDigest::of(file).unwrap()).unwrap()
}

#[test]
fn the_chain_prepares_a_volume_as_the_network_was_trained() {
    let bundle = imported(&["tiny"]);
    let geometry = Geometry::from_spacing(Dhw { d: 2.5, h: -0.8, w: -0.8 }).unwrap();
    // Air with a body in the rows 10 to 39 and the columns 8 to 27.
    let image = Array4::from_shape_fn((1, 24, 48, 40), |(_, z, y, x)| {
        if (10..40).contains(&y) && (8..28).contains(&x) { z as f32 * 10.0 } else { -1000.0 }
    });
    let (prepared, grid) = bundle.prepared(image.clone(), &geometry).unwrap();
    assert_eq!(prepared.dim(), (1, 144, 144, 144));
    assert_eq!(grid.orientation().to_string(), "IAL");
    let (low, high) = prepared.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    assert!(low > -0.01 && high < 230.01, "the body alone is left, {low} to {high}");
    // The letters are those of width, height and depth: along the width, the volume's last plane comes first.
    assert!(prepared[[0, 70, 70, 0]] > 220.0 && prepared[[0, 70, 70, 143]] < 10.0);
    let extent = grid.extent(Dhw::splat(144)).to_array();
    let want = [20.0 * 0.8, 30.0 * 0.8, 24.0 * 2.5];
    assert!(extent.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{extent:?}");
}
