//! Models as bundles, and in exported zips.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_nnunet::{CHECKPOINT, Fold, Model, ModelFolder, NnUnetError, PredictOptions, is_model, read_case};
use medseg_volume::error_chain;
use zip::write::SimpleFileOptions;

use crate::fixture;

fn mask_of(model: &Path, folder: &Path) -> medseg_nnunet::Segmentation {
    let model = Model::open(model, &Device::flex()).unwrap();
    let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| folder.join(file));
    let previous = Some(folder.join("previous.nii.gz")).filter(|path| path.is_file());
    let case = model.prepare(read_case(&images, model.reader()).unwrap(), previous.as_deref()).unwrap();
    let quick = PredictOptions::default().with_mirroring(false);
    model.segment(&case, &quick, &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap()
}

/// The bundle of a fixture in a folder that lives as long as the first value.
fn bundle_of(name: &str) -> (tempfile::TempDir, PathBuf) {
    let out = tempfile::tempdir().unwrap();
    let bundle = out.path().join("bundle");
    Model::open(fixture(name), &Device::flex()).unwrap().save_bundle(&bundle).unwrap();
    (out, bundle)
}

/// The error of opening a model and loading its weights.
fn failure(path: &Path) -> String {
    let opened = Model::open(path, &Device::flex()).and_then(|model| {
        let out = tempfile::tempdir().unwrap();
        model.save_bundle(out.path().join("copy"))
    });
    error_chain(&opened.unwrap_err())
}

/// A zip of these files.
fn zip(path: &Path, entries: &[(&str, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, content) in entries {
        let deflated = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(*name, deflated).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn a_bundle_gives_the_masks_of_its_model() {
    for name in ["plain_aniso", "res_iso_transposed", "plain_2d", "cascade"] {
        let (out, bundle) = bundle_of(name);
        let (folder, moved) = (fixture(name), out.path().join("moved"));
        fs::rename(&bundle, &moved).unwrap();
        assert!(is_model(&moved));
        assert_eq!(mask_of(&moved, &folder).mask, mask_of(&folder, &folder).mask, "{name}");
        let model = ModelFolder::open(&moved).unwrap();
        assert_eq!(model.folds, ModelFolder::open(&folder).unwrap().folds);
        assert!(fs::read_dir(&moved).unwrap().all(|file| file.unwrap().path().extension().unwrap() != "pth"));
    }
}

#[test]
fn a_bundle_replaces_a_bundle_and_nothing_else() {
    let (out, bundle) = bundle_of("plain_aniso");
    let model =
        Model::open_with(fixture("plain_aniso"), Some(&[Fold::Number(1)]), CHECKPOINT, &Device::flex()).unwrap();
    model.save_bundle(&bundle).unwrap();
    assert_eq!(ModelFolder::open(&bundle).unwrap().folds, [Fold::Number(1)]);
    assert!(ModelFolder::open_with(&bundle, Some(&[Fold::Number(0)]), CHECKPOINT).is_err());
    // A bundle is a model, so it can be written again from itself.
    Model::open(&bundle, &Device::flex()).unwrap().save_bundle(&bundle).unwrap();
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    let other = out.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("notes"), "mine").unwrap();
    let refused = model.save_bundle(&other).unwrap_err();
    assert!(matches!(refused, NnUnetError::Bundle { .. }), "{refused}");
    assert_eq!(fs::read_to_string(other.join("notes")).unwrap(), "mine");
}

#[test]
fn a_damaged_bundle_is_refused_by_the_file() {
    type Change = fn(Vec<u8>) -> Vec<u8>;
    let damage: [(&str, Change, &str); 6] = [
        (
            "fold_0.safetensors",
            |mut bytes| {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                bytes
            },
            "SHA-256",
        ),
        ("fold_0.safetensors", |bytes| bytes[..bytes.len() - 4].to_vec(), "damaged"),
        ("plans.json", |bytes| [bytes, b" ".to_vec()].concat(), "damaged"),
        ("dataset.json", |bytes| bytes.to_ascii_uppercase(), "SHA-256"),
        ("bundle.json", |bytes| replaced(&bytes, "\"schema\": 1", "\"schema\": 7"), "schema is 7"),
        ("bundle.json", |bytes| replaced(&bytes, "\"schema\"", "\"odd\": 1, \"schema\""), "odd"),
    ];
    for (file, change, expected) in damage {
        let (_out, bundle) = bundle_of("plain_2d");
        let path = bundle.join(file);
        fs::write(&path, change(fs::read(&path).unwrap())).unwrap();
        let message = failure(&bundle);
        assert!(message.contains(expected) && message.contains(file), "{message}");
    }
    let (_out, bundle) = bundle_of("plain_2d");
    fs::remove_file(bundle.join("fold_0.safetensors")).unwrap();
    assert!(failure(&bundle).ends_with("has no fold_0.safetensors"));
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from));
    text.replace(from, to).into_bytes()
}

#[test]
fn an_exported_zip_is_opened_and_leaves_nothing_behind() {
    let (folder, out) = (fixture("plain_2d"), tempfile::tempdir().unwrap());
    let model = "Dataset777_T/nnUNetTrainer__nnUNetPlans__2d";
    let read = |file: &str| fs::read(folder.join(file)).unwrap();
    let files = ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"];
    let mut entries: Vec<_> = files.iter().map(|file| (format!("{model}/{file}"), read(file))).collect();
    entries.push((format!("{model}/fold_0/progress.png"), vec![1; 9]));
    let path = out.path().join("model.zip");
    let named: Vec<_> = entries.iter().map(|(name, content)| (name.as_str(), content.clone())).collect();
    zip(&path, &named);
    assert!(is_model(&path));
    assert_eq!(mask_of(&path, &folder).mask, mask_of(&folder, &folder).mask);
    let opened = ModelFolder::open(&path).unwrap();
    let (extracted, copy) = (opened.path.clone(), opened.clone());
    assert!(!extracted.join("fold_0/progress.png").exists());
    drop(opened);
    assert!(extracted.is_dir());
    drop(copy);
    assert!(!extracted.exists());
}

#[test]
fn a_hostile_zip_writes_nothing_outside_and_not_without_end() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("model.zip");
    zip(&path, &[("../plans.json", b"{}".to_vec()), ("/fold_0/checkpoint_final.pth", vec![1; 10])]);
    // An absolute path counts from the temporary folder, and one that leads out of it is left out.
    assert!(failure(&path).ends_with("has no plans.json"));
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
    zip(&path, &[("a/fold_0/checkpoint_final.pth", vec![0; 64 << 20])]);
    assert!(failure(&path).contains("more than 100 times its size"));
    let whole = fs::read(&path).unwrap();
    for length in [3, 30, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(!failure(&path).is_empty());
    }
    fs::write(&path, b"no zip").unwrap();
    assert!(failure(&path).ends_with("is a file, and no zip of an exported model"));
}

/// nnU-Net looks at the order along a separate axis only where there is one.
#[test]
fn the_order_along_an_axis_that_is_not_separate_does_not_matter() {
    let (from, to) = (fixture("plain_regions"), tempfile::tempdir().unwrap());
    let folder = to.path().join("fold_0");
    fs::create_dir(&folder).unwrap();
    fs::copy(from.join("fold_0").join(CHECKPOINT), folder.join(CHECKPOINT)).unwrap();
    fs::copy(from.join("dataset.json"), to.path().join("dataset.json")).unwrap();
    let mut plans: serde_json::Value = serde_json::from_slice(&fs::read(from.join("plans.json")).unwrap()).unwrap();
    let kwargs = &mut plans["configurations"]["3d_fullres"]["resampling_fn_probabilities_kwargs"];
    kwargs["order_z"] = 1.into();
    let text = plans.to_string();
    fs::write(to.path().join("plans.json"), &text).unwrap();
    assert_eq!(mask_of(to.path(), &from).mask, mask_of(&from, &from).mask);
    let separate = text.replace(r#""force_separate_z":null"#, r#""force_separate_z":true"#);
    assert!(separate != text);
    fs::write(to.path().join("plans.json"), separate).unwrap();
    let model = Model::open(to.path(), &Device::flex()).unwrap();
    let images = ["case_0000.nii.gz", "case_0001.nii.gz"].map(|file| from.join(file));
    let error = model.predict(&images, &PredictOptions::default()).unwrap_err().to_string();
    assert!(error.ends_with("order 1 and 0 along a separate axis, not by 1 and 1"), "{error}");
}
