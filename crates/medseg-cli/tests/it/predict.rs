//! `predict` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use medseg_volume::{read_image, read_label};

use crate::support::{Data, assert_fails, medseg, stderr};

#[test]
fn a_plan_comes_first_and_memory_is_kept_or_refused() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let (out, image, mask) = (data.path("out"), data.path("data/image/phantom_000.nii.gz"), data.path("mask.nii.gz"));
    let predict = |more: &[&str]| medseg("predict").args([&out, &image, &mask]).args(more).output().unwrap();
    let dry = predict(&["--dry-run"]);
    assert!(dry.status.success() && !mask.exists());
    assert!(
        stderr(&dry).contains("windows of 16x16x16") && stderr(&dry).contains("memory: at most"),
        "{}",
        stderr(&dry)
    );
    assert_fails(&predict(&["--memory", "0"]), 1, "MiB allowed");
    assert!(!mask.exists());
    let text = stderr(&predict(&["--memory", "4096"]));
    assert!(text.find("memory: at most") < text.find("written to"), "{text}");
    assert!(mask.exists());
    let wrong = medseg("predict").args([&out, &image, &data.path("mask.png")]).output().unwrap();
    assert_fails(&wrong, 2, "mask.png");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_that_names_the_file_and_keeps_the_old_mask() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let folder = data.path("masks");
    fs::create_dir(&folder).unwrap();
    let mask = folder.join("mask.nii");
    fs::write(&mask, "an older mask").unwrap();
    let predict = medseg("predict");
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash"])
        .arg(predict.get_program())
        .args(predict.get_args())
        .args([data.path("out"), data.path("data/image/phantom_000.nii.gz"), mask.clone()])
        .output()
        .unwrap();
    assert_fails(&output, 1, "masks/mask.nii");
    assert_eq!(fs::read_to_string(&mask).unwrap(), "an older mask");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_killed_prediction_leaves_no_mask() {
    use std::io::{BufRead, BufReader};
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    let large = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let data_of = ndarray::Array3::from_shape_fn((200, 200, 200), |(z, ..)| z as f32);
    let image = data.path("large.nii");
    medseg_volume::write_image(&image, &medseg_volume::Volume::new(data_of, large.geometry)).unwrap();
    let folder = data.path("masks");
    fs::create_dir(&folder).unwrap();
    let mut child = medseg("predict")
        .args([data.path("out"), image, folder.join("mask.nii.gz")])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The plan is printed before the first window.
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("200x200x200"), "{line}");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "it was over before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn predicting_with_the_wrong_paths_names_them_and_writes_nothing() {
    let data = Data::new();
    assert!(data.run("one-stage", &["--seed", "1"]).status.success());
    let (out, image) = (data.path("out"), data.path("data/image/phantom_000.nii.gz"));
    let mask = data.path("mask.nii.gz");
    let predict = |run: &Path, image: &Path, mask: &Path| medseg("predict").args([run, image, mask]).output().unwrap();
    assert_fails(&predict(&data.path("nothing"), &image, &mask), 1, "nothing");
    assert_fails(&predict(&out, &data.path("none.nii.gz"), &mask), 1, "none.nii.gz");
    assert_fails(&predict(&out, &out.join("config.json"), &mask), 1, "config.json");
    assert!(!mask.exists());
    assert_fails(&predict(&out, &image, &data.path("no/mask.nii.gz")), 1, "no/mask.nii.gz");
    assert_eq!(medseg("predict").output().unwrap().status.code(), Some(2));
}

#[test]
fn a_tiny_image_is_segmented_too() {
    let data = Data::new();
    assert!(data.run("two-stage", &[]).status.success());
    let image = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let tiny = medseg_volume::Volume::new(image.data.slice(ndarray::s![..1, ..2, ..3]).to_owned(), image.geometry);
    let path = data.path("tiny.nii.gz");
    medseg_volume::write_image(&path, &tiny).unwrap();
    let mask = data.path("mask.nii");
    let output = medseg("predict").args([data.path("out"), path, mask.clone()]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(read_label(&mask).unwrap().data.dim(), (1, 2, 3));
}

/// A small model of nnU-Net with random weights and two channels, and the mask that nnU-Net made.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/nnunet")
}

/// Copies the model, and its image as two cases.
fn model_and_cases(model: &Path, images: &Path) {
    for folder in [model, &model.join("fold_0"), images] {
        fs::create_dir(folder).unwrap();
    }
    for name in ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"] {
        fs::copy(fixture().join(name), model.join(name)).unwrap();
    }
    for case in ["a", "b"] {
        for channel in ["0000", "0001"] {
            let name = format!("case_{channel}.nii.gz");
            fs::copy(fixture().join(name), images.join(format!("{case}_{channel}.nii.gz"))).unwrap();
        }
    }
}

#[test]
fn an_imported_model_and_lists_of_models_segment_a_case() {
    let data = Data::new();
    let (model, images, bundle) = (data.path("model"), data.path("images"), data.path("bundle"));
    model_and_cases(&model, &images);
    let import = |from: &Path, to: &Path| medseg("import").arg("nnunet").args([from, to]).output().unwrap();
    let output = import(&model, &bundle);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_fails(&import(&model, &model), 2, "nothing is written");
    assert_fails(&import(&model, &images), 1, "is not replaced");
    assert_fails(&import(&images, &data.path("other")), 1, "no model of nnU-Net");

    let expected = read_label(fixture().join("mask.nii.gz")).unwrap().data;
    let predict = |model: &Path, mask: &str, more: &[&str]| {
        let image = images.join("a_0000.nii.gz");
        medseg("predict").args([model, &image, &data.path(mask)]).args(more).output().unwrap()
    };
    let folder = data.path("classes");
    let output = predict(&bundle, "1.nii.gz", &["--save-probabilities", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(read_label(data.path("1.nii.gz")).unwrap().data, expected);
    let taken = data.path("1.nii.gz");
    let output = predict(&bundle, "5.nii.gz", &["--save-probabilities", taken.join("x").to_str().unwrap()]);
    assert_fails(&output, 1, "cannot write");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files[0].ends_with("00_background.nii.gz"), "{files:?}");
    let classes: Vec<_> = files.iter().map(|file| read_image(file).unwrap().data).collect();
    for (voxel, label) in expected.indexed_iter() {
        let values: Vec<f32> = classes.iter().map(|class| class[voxel]).collect();
        assert!((values.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{values:?}");
        assert!(values.iter().all(|value| *value <= values[usize::from(*label)]), "{values:?}");
    }

    // The average of a model and itself is the model's mask; merged labels follow the table.
    let list = data.path("models.json");
    let write = |text: &str| fs::write(&list, text).unwrap();
    write(r#"{"combine": "mean", "models": [{"path": "model", "folds": [0]}, {"path": "bundle"}]}"#);
    let output = predict(&list, "2.nii.gz", &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(read_label(data.path("2.nii.gz")).unwrap().data, expected);
    let table = r#"{"path": "model", "labels": {"1": 200, "2": 7}}, {"path": "bundle", "labels": {"2": 9}}"#;
    write(&format!(r#"{{"combine": "merge", "names": {{"9": "liver"}}, "models": [{table}]}}"#));
    let output = predict(&list, "3.nii.gz", &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((found["plans"].as_array().unwrap().len(), &found["labels"]["9"]), (2, &"liver".into()));
    let merged = read_label(data.path("3.nii.gz")).unwrap().data;
    let table = |label: &u8| [0, 200, 9].get(usize::from(*label)).copied().unwrap_or(0);
    assert_eq!(merged, expected.mapv(|label| table(&label)));
    assert_fails(&predict(&list, "4.nii.gz", &["--folds", "0"]), 2, "--folds");

    for (text, reason) in [
        (r#"{"combine": "mean", "models": []}"#, "lists no model"),
        (r#"{"combine": "merge", "models": [{"path": "model"}]}"#, "needs a table of labels"),
        (r#"{"combine": "merge", "models": [{"path": "model", "labels": {"77": 1}}]}"#, "no label 77"),
        (r#"{"combine": "mean", "models": [{"path": "nothing"}]}"#, "nothing"),
        (r#"{"combine": "sum", "models": []}"#, "sum"),
    ] {
        write(text);
        assert_fails(&predict(&list, "4.nii.gz", &[]), 1, reason);
    }
}

#[test]
fn a_model_of_nnunet_segments_a_case_and_a_folder_of_cases() {
    let data = Data::new();
    let fixture = fixture();
    let (model, images, masks) = (data.path("model"), data.path("images"), data.path("masks"));
    model_and_cases(&model, &images);
    let predict = |image: &Path, mask: &Path, more: &[&str]| {
        medseg("predict").args([&model, image, mask]).args(more).output().unwrap()
    };
    let expected = read_label(fixture.join("mask.nii.gz")).unwrap();
    let mask = data.path("mask.nii.gz");
    let output = predict(&images.join("a_0000.nii.gz"), &mask, &["--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(read_label(&mask).unwrap().data, expected.data);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["plans"][0]["windows"].as_u64().unwrap() > 0 && found["volumes_ml"].is_object(), "{found}");

    let output = predict(&images, &masks, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    for case in ["a.nii.gz", "b.nii.gz"] {
        assert_eq!(read_label(masks.join(case)).unwrap().data, expected.data, "{case}");
    }
    // A case without its second channel is named, and the others are segmented.
    fs::remove_file(images.join("b_0001.nii.gz")).unwrap();
    let output = predict(&images, &data.path("again"), &["--disable-tta"]);
    assert_fails(&output, 1, "1 of 2");
    assert!(stderr(&output).contains("b_0000.nii.gz is passed over: 1 of 2 channels"), "{}", stderr(&output));
    assert!(data.path("again/a.nii.gz").is_file() && !data.path("again/b.nii.gz").exists());

    // The largest component of each label stays.
    let (steps, cleaned) = (data.path("postprocessing.json"), data.path("cleaned.nii.gz"));
    let step = r#""remove_all_but_largest_component_from_segmentation""#;
    let kwargs = r#"{"labels_or_regions": 1, "background_label": 0}"#;
    fs::write(&steps, format!(r#"{{"postprocessing_fns": [{step}], "postprocessing_kwargs": [{kwargs}]}}"#)).unwrap();
    let image = images.join("a_0000.nii.gz");
    let more = ["--postprocessing", steps.to_str().unwrap()];
    let output = predict(&image, &cleaned, &more);
    assert!(output.status.success(), "{}", stderr(&output));
    let cleaned = read_label(&cleaned).unwrap().data;
    let count = |mask: &ndarray::Array3<u8>, label: u8| mask.iter().filter(|value| **value == label).count();
    assert!(count(&cleaned, 1) < count(&expected.data, 1) && count(&cleaned, 1) > 0);
    assert_eq!(count(&cleaned, 2), count(&expected.data, 2));
    fs::write(&steps, "{}").unwrap();
    assert_fails(&predict(&image, &mask, &more), 1, "postprocessing.json");

    // One mask cannot be the stage before of several cases.
    let output = predict(&images, &data.path("again"), &["--previous", mask.to_str().unwrap()]);
    assert_fails(&output, 2, "each case needs a mask of its own");

    fs::create_dir(data.path("empty")).unwrap();
    assert_fails(&predict(&data.path("empty"), &data.path("none"), &[]), 2, "NAME_0000");
    let mut broken = read_image(images.join("a_0001.nii.gz")).unwrap();
    broken.data[[0, 0, 0]] = f32::NAN;
    for (from, to) in [("a_0000.nii.gz", "n_0000.nii.gz"), ("a_0001.nii.gz", "n_0001.nii.gz")] {
        fs::copy(images.join(from), data.path(to)).unwrap();
    }
    medseg_volume::write_image(data.path("n_0001.nii.gz"), &broken).unwrap();
    assert_fails(&predict(&data.path("n_0000.nii.gz"), &mask, &[]), 1, "not finite");

    assert_fails(&predict(&images, &images, &[]), 2, "nothing is written");
    assert_fails(&predict(&images.join("a_0000.nii.gz"), &mask, &["--folds", "3"]), 1, "fold_3");
    assert_fails(&predict(&images.join("a_0000.nii.gz"), &mask, &["--step-size", "2"]), 1, "step_size");
    assert_fails(&predict(&images.join("a_0001.nii.gz"), &mask, &[]), 2, "_0000");
    fs::write(model.join("fold_0/checkpoint_final.pth"), "no checkpoint").unwrap();
    assert_fails(&predict(&images.join("a_0000.nii.gz"), &mask, &[]), 1, "checkpoint_final.pth");
}
