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
