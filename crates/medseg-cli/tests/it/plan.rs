//! `plan`, `train --preset auto` and `--folds` as a user runs them.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::support::{Data, assert_fails, medseg, stderr};

fn train(data: &Data, more: &[&str]) -> Output {
    let mut command = medseg("train");
    command.arg(data.path("data")).arg("--out").arg(data.path("out"));
    command.args(["--device", "cpu"]).args(more).output().unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_plan_is_printed_and_written_and_trained_by() {
    let data = Data::new();
    let (folder, plan) = (data.path("data"), data.path("plan"));
    let output = medseg("plan").arg(&folder).arg("--out").arg(&plan).args(["--time", "40s"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    for setting in ["Spacing", "Patch", "Network", "Epochs", "plan.toml"] {
        assert!(printed.contains(setting), "{printed}");
    }
    assert!(text(&plan.join("plan.html")).contains("<svg"));
    let settings = plan.join("plan.toml");
    let two = text(&settings).contains("experiment = \"two_stage\"");
    let output = train(&data, &["--config", settings.to_str().unwrap(), "--epochs", "1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(data.path(if two { "out/fine" } else { "out/one_stage" }).is_dir());
}

#[test]
fn auto_plans_trains_and_goes_on_with_its_plan() {
    let data = Data::new();
    let wanted = ["--preset", "auto", "--time", "40s", "--epochs", "1", "--labels", "1,2"];
    let output = train(&data, &wanted);
    assert!(output.status.success(), "{}", stderr(&output));
    let plan = text(&data.path("out/plan.toml"));
    let output = train(&data, &[&wanted[..], &["--resume"]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(text(&data.path("out/plan.toml")), plan);
    let config: serde_json::Value = serde_json::from_str(&text(&data.path("out/config.json"))).unwrap();
    assert_eq!(config["settings"]["fine"]["network"]["out_channels"].as_u64().unwrap_or(3), 3);
}

#[test]
fn several_channels_are_planned_trained_and_predicted() {
    let data = Data::new();
    let images = data.path("data/image");
    let files: Vec<_> = fs::read_dir(&images).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().replace(".nii.gz", "");
        fs::copy(&path, images.join(format!("{name}_0001.nii.gz"))).unwrap();
        fs::rename(&path, images.join(format!("{name}_0000.nii.gz"))).unwrap();
    }
    for (out, wanted) in [
        ("out", &["--preset", "auto", "--time", "40s", "--epochs", "1"][..]),
        ("two", &["--experiment", "two-stage", "--epochs", "1", "--folds", "2"]),
    ] {
        let mut command = medseg("train");
        match wanted {
            ["--experiment", experiment, rest @ ..] => {
                command.arg(experiment).arg("--data").arg(data.path("data")).args(rest);
            }
            wanted => {
                command.arg(data.path("data")).args(wanted);
            }
        }
        let output = command.args(["--device", "cpu", "--out"]).arg(data.path(out)).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let bundle: serde_json::Value =
            serde_json::from_str(&text(&data.path(&format!("{out}/bundle/bundle.json")))).unwrap();
        assert_eq!(bundle["channels"], 2, "{out}");
        let mask = data.path("mask.nii.gz");
        let predict =
            |image: &str| medseg("predict").arg(data.path(out)).arg(images.join(image)).arg(&mask).output().unwrap();
        let output = predict("phantom_005_0000.nii.gz");
        assert!(output.status.success() && mask.is_file(), "{}", stderr(&output));
        assert_fails(&predict("phantom_005_0001.nii.gz"), 2, "_0000");
    }
    assert!(text(&data.path("out/plan.toml")).contains("channels = 2"));
    let report = medseg("report").arg(data.path("out")).output().unwrap();
    assert!(report.status.success(), "{}", stderr(&report));
}

#[test]
fn folds_share_a_plan_and_end_in_one_bundle() {
    let data = Data::new();
    let wanted = ["--preset", "auto", "--time", "60s", "--epochs", "1", "--folds", "2"];
    let first = train(&data, &[&wanted[..], &["--fold", "1"]].concat());
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(!data.path("out/bundle").exists());
    let second = train(&data, &[&wanted[..], &["--fold", "0"]].concat());
    assert!(second.status.success(), "{}", stderr(&second));
    let (image, mask) = (data.path("data/image/phantom_005.nii.gz"), data.path("mask.nii.gz"));
    let predict = medseg("predict").arg(data.path("out")).args([&image, &mask]).output().unwrap();
    assert!(predict.status.success(), "{}", stderr(&predict));
    assert!(text(&data.path("out/bundle/bundle.json")).contains("\"folds\": 2"));
}

#[test]
fn what_cannot_be_planned_is_said() {
    let data = Data::new();
    let folder = data.path("data");
    let plan = |arguments: &[&str]| medseg("plan").arg(&folder).args(arguments).output().unwrap();
    let out = data.path("plan");
    let out = out.to_str().unwrap();
    assert_fails(&plan(&["--out", out, "--time", "soon"]), 2, "soon");
    assert_fails(&plan(&["--out", out, "--time", "1s"]), 2, "time");
    assert_fails(&plan(&["--out", out, "--memory", "1M"]), 2, "MiB");
    assert_fails(&plan(&["--out", folder.to_str().unwrap()]), 2, "data");
    assert_fails(&plan(&["--out", out, "--groups", "("]), 1, "pattern");
    assert_fails(&train(&data, &["--preset", "quick"]), 2, "one-stage");
    assert_fails(&train(&data, &["--data", "elsewhere"]), 2, "elsewhere");
    let alone = train(&data, &["--fold", "1"]);
    assert!(alone.status.code() == Some(2) && stderr(&alone).contains("--folds"), "{}", stderr(&alone));
    let none = medseg("train").args(["nowhere", "--out", out]).output().unwrap();
    assert_fails(&none, 2, "nowhere");
    let time = medseg("train").args(["one-stage", "--time", "3m", "--out", out]).output().unwrap();
    assert_fails(&time, 2, "--preset auto");
    let empty = data.path("empty");
    fs::create_dir(&empty).unwrap();
    assert_fails(&medseg("plan").arg(&empty).args(["--out", out]).output().unwrap(), 1, "empty");
}
