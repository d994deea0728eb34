//! Models of other programs, and networks for them, as a user has them.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::{read_label, write_image, write_label};

use crate::support::{assert_fails, medseg, stderr};

/// A file or folder of another crate's tests.
fn of_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn monai(name: &str) -> PathBuf {
    of_crate("medseg-monai/tests/golden/bundles").join(name)
}

fn run(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_monai_bundle_gives_the_same_mask_as_it_is_and_imported() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let predict = |model: &Path, mask: &str| {
        let mask = path(mask);
        run(medseg("predict").arg(model).arg(monai("ct.nii.gz")).arg(&mask).args(["--device", "cpu"]));
        read_label(mask).unwrap().data
    };
    let direct = predict(&monai("spleen"), "direct.nii.gz");
    run(medseg("import").arg("monai").arg(monai("spleen")).arg(path("bundle")));
    assert_eq!(predict(&path("bundle"), "imported.nii.gz"), direct);
    let expected = read_label(monai("expected/spleen.nii.gz")).unwrap().data;
    assert_eq!(direct, expected);
}

#[test]
fn regions_that_overlap_have_one_mask_and_a_probability_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut predict = medseg("predict");
    predict.arg(monai("ordered")).arg(monai("ct.nii.gz")).arg(path("mask.nii.gz")).args(["--device", "cpu"]);
    let text = run(predict.args(["--json", "--certainty", "--save-probabilities"]).arg(path("regions")));
    let expected = read_label(monai("expected/ordered.nii.gz")).unwrap().data;
    assert_eq!(read_label(path("mask.nii.gz")).unwrap().data, expected);
    let of = ["00_core", "01_whole", "02_enhancing"]
        .map(|name| medseg_volume::read_image(path("regions").join(format!("{name}.nii.gz"))).unwrap().data);
    assert_eq!(fs::read_dir(path("regions")).unwrap().count(), 3);
    for (at, label) in expected.indexed_iter() {
        let first = [(2, 4), (0, 1), (1, 2)].into_iter().find(|(channel, _)| of[*channel][at] >= 0.55);
        let sure = of.iter().all(|region| (region[at] - 0.55).abs() > 0.002);
        assert!(!sure || *label == first.map_or(0, |(_, label)| label), "{label} at {at:?}");
    }
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(result["certainty"]["mean_probability"].as_f64().unwrap() > 0.55, "{text}");
    run(medseg("import").arg("monai").arg(monai("ordered")).arg(path("bundle")));
    let json = fs::read_to_string(path("bundle/bundle.json")).unwrap();
    let bundle: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(bundle["labels"]["1"], "core without enhancing");
    run(medseg("predict").arg(path("bundle")).arg(monai("ct.nii.gz")).arg(path("again.nii.gz")));
    assert_eq!(read_label(path("again.nii.gz")).unwrap().data, expected);
    let calibrate = medseg("calibrate").arg(path("bundle")).arg(folder.path()).output().unwrap();
    assert_fails(&calibrate, 1, "regions that overlap");
}

#[test]
fn an_image_without_negative_values_is_warned_of_where_ct_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = medseg_volume::read_image(monai("ct.nii.gz")).unwrap();
    image.data += 1024.0;
    let shifted = folder.path().join("shifted.nii.gz");
    write_image(&shifted, &image).unwrap();
    // One bundle has a window of CT, the other a z-score.
    for (bundle, file, warned) in
        [("spleen", &shifted, true), ("spleen", &monai("ct.nii.gz"), false), ("nearest", &shifted, false)]
    {
        let mask = folder.path().join("mask.nii.gz");
        let output = medseg("predict").arg(monai(bundle)).arg(file).arg(&mask).args(["--device", "cpu"]).output();
        let output = output.unwrap();
        assert!(output.status.success() && mask.is_file(), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("Hounsfield"), warned, "{bundle}: {}", stderr(&output));
    }
}

#[test]
fn a_hostile_monai_bundle_is_refused_by_its_expression_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, made) = (folder.path().join("bundle"), folder.path().join("made"));
    fs::create_dir_all(bundle.join("configs")).unwrap();
    let text = fs::read_to_string(monai("spleen/configs/inference.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["network_def"]["in_channels"] = format!("$__import__('os').system('touch {}')", made.display()).into();
    fs::write(bundle.join("configs/inference.json"), json.to_string()).unwrap();
    let output = medseg("predict").arg(&bundle).arg(monai("ct.nii.gz")).arg(folder.path().join("m.nii.gz")).output();
    assert_fails(&output.unwrap(), 1, "network_def#in_channels");
    assert!(!made.exists());
}

#[test]
fn networks_of_every_kind_are_exported() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in [
        ("monai", monai("nearest")),
        ("nnunet", of_crate("medseg-nnunet/tests/fixtures/plain_regions")),
        ("nnunet_2d", of_crate("medseg-nnunet/tests/fixtures/plain_2d")),
    ] {
        run(medseg("export").arg(model).arg("--onnx").arg(folder.path().join(format!("{name}.onnx"))));
        let written: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let of_model = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(name);
        assert!(written.iter().filter(of_model).all(|path| path.metadata().unwrap().len() > 1000));
        assert!(written.iter().any(|path| of_model(&path)), "{name}");
    }
    let wrong = medseg("export").arg(monai("nearest")).args(["--onnx", "network.pt"]).output().unwrap();
    assert_fails(&wrong, 2, ".onnx");
    let nothing = medseg("export").arg(folder.path()).args(["--onnx", "network.onnx"]).output().unwrap();
    assert_fails(&nothing, 1, "is not a trained run");
}

#[test]
fn a_temperature_is_found_written_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    run(medseg("import").arg("monai").arg(monai("spleen")).arg(path("bundle")));
    let image = medseg_volume::read_image(monai("ct.nii.gz")).unwrap();
    let label = read_label(monai("expected/spleen.nii.gz")).unwrap();
    for (name, kind) in [("image", true), ("label", false)] {
        fs::create_dir_all(path("data").join(name)).unwrap();
        let file = path("data").join(name).join("case.nii.gz");
        if kind { write_image(file, &image).unwrap() } else { write_label(file, &label).unwrap() }
    }
    let text = run(medseg("calibrate").arg(path("bundle")).arg(path("data")).args(["--write", "--json"]));
    let found: serde_json::Value = serde_json::from_str(&text).unwrap();
    // The network's own mask is the reference: it may be surer.
    let temperature = found["temperature"].as_f64().unwrap();
    assert!(temperature < 1.0 && found["nats_after"].as_f64() < found["nats_before"].as_f64(), "{text}");
    let stored: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(path("bundle/bundle.json")).unwrap()).unwrap();
    assert!((stored["temperature"].as_f64().unwrap() - temperature).abs() < 1e-6);
    fs::remove_file(path("data/label/case.nii.gz")).unwrap();
    let none = medseg("calibrate").arg(path("bundle")).arg(path("data")).output().unwrap();
    assert!(!none.status.success());
}
