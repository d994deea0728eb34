//! `train` as a user runs it: exit codes, one sentence for an error, files that open again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use medseg_train::{Experiment, Preset};
use medseg_transforms::RandFlip;
use medseg_volume::{Dhw, read_image, read_info, read_label};

use crate::support::{Data, assert_fails, medseg, stderr};

#[test]
fn an_experiment_and_a_prediction() {
    for (name, stages) in [("one-stage", vec!["one_stage"]), ("two-stage", vec!["coarse", "fine"])] {
        let data = Data::new();
        let output = data.run(name, &["--labels", "1,2", "--lr", "0.02", "--seed", "3", "--overlap", "0.5"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let out = data.path("out");
        for stage in stages {
            assert!(out.join(stage).join("history.csv").is_file());
        }
        let settings: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(out.join("config.json")).unwrap()).unwrap();
        let settings = &settings["settings"];
        assert_eq!(settings["data"]["labels"], serde_json::json!([1, 2]));
        assert_eq!((&settings["seed"], &settings["fine"]["optimizer"]["lr"]), (&3.into(), &0.02.into()));
        assert_eq!(settings["fine"]["window"]["overlap"], 0.5);
        assert_eq!(settings["fine"]["network"]["channels"], serde_json::json!([2, 2, 4]));

        let image = data.path("data/image/phantom_005.nii.gz");
        let mask = data.path("mask.nii.gz");
        let predict = medseg("predict").args([&out, &image, &mask]).output().unwrap();
        assert!(predict.status.success(), "{}", stderr(&predict));
        assert_eq!(read_label(&mask).unwrap().shape(), read_image(&image).unwrap().shape());
        assert_eq!(read_info(&mask).unwrap().geometry, read_info(&image).unwrap().geometry);

        // Probabilities and how certain they are, beside the same mask.
        let classes = data.path("classes");
        let more = ["--json", "--certainty", "--probability-bits", "8", "--save-probabilities"];
        let mut certain = medseg("predict");
        certain.args([&out, &image, &data.path("same.nii.gz")]).args(more).arg(&classes);
        let output = certain.arg("--save-entropy").arg(data.path("entropy.nii.gz")).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!((0.0..=1.0).contains(&result["certainty"]["mean_probability"].as_f64().unwrap()));
        let p = read_image(classes.join("01_foreground.nii.gz")).unwrap();
        let entropy = read_image(data.path("entropy.nii.gz")).unwrap();
        assert_eq!((p.shape(), entropy.shape()), (read_image(&image).unwrap().shape(), p.shape()));
        assert_eq!(read_info(classes.join("01_foreground.nii.gz")).unwrap().datatype, medseg_volume::Datatype::U8);
        assert_eq!(read_label(data.path("same.nii.gz")).unwrap(), read_label(&mask).unwrap());
        let refused = medseg("predict").args([&out, &image, &mask]).args(["--temperature", "2"]).output().unwrap();
        assert_fails(&refused, 2, "--temperature");

        // The bundle needs nothing of the run.
        let (bundle, again) = (data.path("bundle"), data.path("again.nii.gz"));
        fs::rename(out.join("bundle"), &bundle).unwrap();
        let predict = |folder: &Path| medseg("predict").args([folder, &image, &again]).output().unwrap();
        assert!(predict(&bundle).status.success());
        assert_eq!(read_label(&again).unwrap(), read_label(&mask).unwrap());
        assert!(predict(&out).status.success(), "a run without its bundle");
        assert_eq!(read_label(&again).unwrap(), read_label(&mask).unwrap());
        fs::write(bundle.join("bundle.json"), "{}").unwrap();
        assert_fails(&predict(&bundle), 1, "bundle.json");
    }
}

#[test]
fn a_described_network_trains_predicts_and_leaves_as_onnx() {
    let data = Data::new();
    let output = data.run("one-stage", &["--network", "unet++"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let out = data.path("out");
    let text = fs::read_to_string(out.join("config.json")).unwrap();
    let settings: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(settings["settings"]["fine"]["network"]["stages"][0]["name"], "x0_0");
    let (image, mask) = (data.path("data/image/phantom_005.nii.gz"), data.path("mask.nii.gz"));
    let predict = medseg("predict").args([&out, &image, &mask]).output().unwrap();
    assert!(predict.status.success(), "{}", stderr(&predict));
    assert_eq!(read_label(&mask).unwrap().shape(), read_image(&image).unwrap().shape());
    let onnx = data.path("network.onnx");
    let export = medseg("export").arg(&out).arg("--onnx").arg(&onnx).output().unwrap();
    assert!(export.status.success() && onnx.is_file(), "{}", stderr(&export));
    // The same network out of a file; its channels are its own.
    let file = data.path("network.json");
    fs::write(&file, settings["settings"]["fine"]["network"].to_string()).unwrap();
    let network = ["--network", file.to_str().unwrap()];
    assert_fails(&data.run("one-stage", &network), 2, "--channels");
    assert_fails(&data.run("one-stage", &["--network", "transformer"]), 2, "transformer");
}

/// A limit on the size of files stands for a full disk: writing fails in the middle.
/// As above for an experiment. The limit rises until nothing hits it, so that every kind of file fails once or more, from
/// the settings to the report.
#[test]
#[cfg(target_os = "linux")]
fn an_experiment_without_room_stops_naming_the_file_and_goes_on_when_there_is_some() {
    let data = Data::new();
    let options = ["--tensorboard", "--resume", "--set", "fine.validate_every=1"];
    let whole = data.run("two-stage", &options);
    assert!(whole.status.success(), "{}", stderr(&whole));
    fs::rename(data.path("out"), data.path("whole")).unwrap();

    let mut stopped_at = BTreeSet::new();
    let mut kib = 1;
    let finished = loop {
        let output = data.run_within(kib, "two-stage", &options);
        if output.status.success() {
            break output;
        }
        let text = stderr(&output);
        assert_fails(&output, 1, data.path("out").to_str().unwrap());
        assert!(text.contains("File too large"), "{text}");
        stopped_at.insert(text.lines().find(|line| line.starts_with("error: ")).unwrap().to_string());
        let left: Vec<PathBuf> = files(&data.path("out")).into_iter().filter(|path| is_unfinished(path)).collect();
        assert!(left.is_empty(), "{left:?} are left after {text}");
        kib = (kib * 3).div_ceil(2);
    };
    assert!(stopped_at.len() >= 5, "only stopped at {stopped_at:?}");
    assert!(stopped_at.iter().any(|line| line.contains(".bpk")), "no checkpoint met the limit: {stopped_at:?}");
    assert!(stopped_at.iter().any(|line| line.contains(".html")), "no page did: {stopped_at:?}");

    assert!(stderr(&finished).contains("going on after epoch"), "{}", stderr(&finished));
    let same =
        |file: &str| fs::read(data.path("out").join(file)).unwrap() == fs::read(data.path("whole").join(file)).unwrap();
    let history = |run: &str, stage: &str| -> Vec<String> {
        let text = fs::read_to_string(data.path(run).join(stage).join("history.csv")).unwrap();
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect()
    };
    for stage in ["coarse", "fine"] {
        assert_eq!(history("out", stage), history("whole", stage));
        assert!(same(&format!("{stage}/best.safetensors")), "the weights of {stage} differ");
    }
    for mask in fs::read_dir(data.path("whole/predictions")).unwrap() {
        let name = mask.unwrap().file_name();
        assert!(same(&format!("predictions/{}", name.to_str().unwrap())), "{name:?} differs");
    }
}

/// All files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Whether a file, or the folder it lies in, has the name of something that is being written.
fn is_unfinished(path: &Path) -> bool {
    let names = path.components().rev().take(2).map(|name| name.as_os_str().to_string_lossy().into_owned());
    names.into_iter().any(|name| [".part", ".new", ".tmp", ".writing"].iter().any(|mark| name.contains(mark)))
}

#[test]
fn usage_and_configuration_errors_end_with_2() {
    let data = Data::new();
    for (arguments, what) in [
        (vec!["--no-such-option"], "--no-such-option"),
        (vec!["--preset", "huge"], "huge"),
        (vec!["--epochs", "0"], "epochs"),
        (vec!["--roi", "1,2"], "--roi"),
        (vec!["--roi", "0,16,16"], "size"),
        (vec!["--channels", "0,2,4"], "channels"),
        (vec!["--lr", "-1"], "lr"),
        (vec!["--overlap", "1"], "overlap"),
        (vec!["--labels", "0"], "labels"),
        (vec!["--labels", "300"], "300"),
        (vec!["--labels", "9"], "[9]"),
        (vec!["--device", "tpu"], "tpu"),
        (vec!["--device", "cuda:x"], "cuda:x"),
        // Not built in, no driver, or not that many of them.
        (vec!["--device", "cuda:99"], "cuda:99"),
        (vec!["--device", "webgpu:99"], "webgpu:99"),
        (vec!["--device", "cpu,cuda:0"], "cuda:0"),
        (vec!["--intensity", "window:5,1"], "window"),
        (vec!["--config", "no_such_file.toml"], "no_such_file.toml"),
    ] {
        // An option given twice is a usage error of its own, so the common ones are left out.
        let mut command = medseg("train");
        command.arg("two-stage");
        command.args(["--data", data.path("data").to_str().unwrap(), "--out", data.path("out").to_str().unwrap()]);
        assert_fails(&command.args(arguments).output().unwrap(), 2, what);
    }
    assert!(!data.path("out").exists());
}

#[test]
fn the_device_that_auto_takes_is_reported_with_the_reason() {
    let data = Data::new();
    let paths = [data.path("data"), data.path("out")].map(|path| path.into_os_string().into_string().unwrap());
    let run = |more: &[&str]| {
        let mut command = medseg("train");
        command.arg("one-stage");
        command.args(["--data", &paths[0], "--out", &paths[1], "--dry-run"]);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let reported = |text: &str| text.lines().filter(|line| line.starts_with("on cpu")).count();
    let asked = run(&["--device", "auto"]);
    let on_the_cpu = asked.lines().any(|line| line.starts_with("device: cpu"));
    assert_eq!(reported(&asked), usize::from(on_the_cpu), "{asked}");
    assert_eq!(reported(&run(&["--device", "cpu"])), 0);
    // Where no GPU's backend is built in there was nothing to choose from.
    if !cfg!(any(feature = "cuda", feature = "webgpu")) {
        assert_eq!(reported(&run(&[])), 0);
    }
    let listed = medseg("devices").output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success() && text.contains("cpu (Burn Flex) works"), "{text}");
    assert_fails(&medseg("devices").arg("cuda:99").output().unwrap(), 2, "cuda:99");
}

#[test]
fn bad_data_ends_with_1_and_names_the_file() {
    let truncate = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let missing = Data::new();
    fs::remove_dir_all(missing.path("data")).unwrap();
    assert_fails(&missing.run("one-stage", &[]), 1, missing.path("data").to_str().unwrap());

    let alone = Data::new();
    fs::remove_file(alone.path("data/label/phantom_001.nii.gz")).unwrap();
    assert_fails(&alone.run("one-stage", &[]), 1, "phantom_001.nii.gz");

    let cut = Data::new();
    truncate(&cut.path("data/image/phantom_002.nii.gz"));
    assert_fails(&cut.run("one-stage", &[]), 1, "phantom_002.nii.gz");

    let blocked = Data::new();
    fs::write(blocked.path("out"), b"a file").unwrap();
    assert_fails(&blocked.run("one-stage", &[]), 1, blocked.path("out").to_str().unwrap());
}

#[test]
fn a_changed_setting_is_refused_when_resuming() {
    let data = Data::new();
    assert!(data.run("one-stage", &[]).status.success());
    assert!(data.run("one-stage", &["--resume"]).status.success());
    assert_fails(&data.run("one-stage", &["--resume", "--lr", "0.5"]), 2, "optimizer.lr");
}

#[test]
#[cfg(target_os = "linux")]
fn a_resumed_run_reports_the_memory_of_its_training_too() {
    let data = Data::new();
    let peak = |more: &[&str]| -> u64 {
        let output = data.run("one-stage", more);
        assert!(output.status.success(), "{}", stderr(&output));
        let summary = fs::read_to_string(data.path("out/summary.json")).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        summary["stages"]["one_stage"]["peak_memory_bytes"].as_u64().unwrap()
    };
    let options = ["--set", "fine.crops.samples=64", "--set", "fine.window.batch=1"];
    let whole = peak(&options);
    let resumed = peak(&[&options[..], &["--resume"]].concat());
    // The second process only predicts, which takes less than half of it.
    assert!(resumed as f64 >= 0.9 * whole as f64, "{resumed} bytes after the resume, {whole} before");
}

#[test]
fn help_and_a_dry_run_leave_nothing() {
    let data = Data::new();
    let help = medseg("train").args(["one-stage", "--help"]).output().unwrap();
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in ["--data", "--labels", "--preset", "--device", "--out", "--epochs", "--roi", "--resume", "--dry-run"]
    {
        assert!(text.contains(option), "{option} is not in the help");
    }
    let dry = data.run("two-stage", &["--dry-run"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    assert!(!data.path("out").exists());
}

#[test]
fn the_quick_schedule_lasts_as_long_as_the_epochs() {
    let data = Data::new();
    let period = |options: &[&str]| {
        let mut command = medseg("train");
        command.arg("one-stage").arg("--data").arg(data.path("data")).arg("--out").arg(data.path("out"));
        let output = command.arg("--dry-run").args(options).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let text = stderr(&output);
        let line = text.lines().find(|line| line.contains("\"t_0\"")).unwrap_or_else(|| panic!("{text}"));
        line.chars().filter(|c| c.is_ascii_digit()).skip(1).collect::<String>()
    };
    assert_eq!(period(&["--epochs", "37"]), "37");
    assert_eq!(period(&["--set", "fine.epochs=21"]), "21");
    assert_eq!(period(&["--epochs", "37", "--set", "fine.schedule.t_0=9"]), "9");
    // The reference's restarts are its own.
    assert_eq!(period(&["--epochs", "37", "--preset", "reference", "--set", "data.split=automatic"]), "5");
}

#[test]
fn augmentation_fits_the_crop_and_mirrors_nothing() {
    let data = Data::new();
    let settings = |options: &[&str]| {
        let output = medseg("train")
            .args(["one-stage", "--data", &data.path("data").to_string_lossy(), "--dry-run"])
            .args(options)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let limits_of_30_degrees = |options: &[&str]| settings(options).matches("0.523598775598298").count();
    assert_eq!(limits_of_30_degrees(&[]), 0);
    assert_eq!(limits_of_30_degrees(&["--augment", "--roi", "32,32,32"]), 6);
    // Slices are turned in their planes alone.
    assert_eq!(limits_of_30_degrees(&["--augment", "--roi", "8,32,32"]), 2);
    assert!(!settings(&["--augment"]).contains("rand_flip"));
    // What a file says already stays.
    let file = data.path("flips.json");
    let mut flips = Preset::Quick.config(Experiment::OneStage);
    flips.fine.augmentation = vec![RandFlip { p: 0.5, axes: Dhw::splat(true) }.into()];
    std::fs::write(&file, serde_json::to_string(&flips).unwrap()).unwrap();
    let own = settings(&["--augment", "--config", &file.to_string_lossy()]);
    assert!(own.contains("rand_flip") && !own.contains("rand_affine"), "{own}");
}

#[test]
#[cfg(not(feature = "mpi"))]
fn a_build_without_mpi_refuses_it_and_says_how_to_build() {
    let output = medseg("train").args(["one-stage", "--mpi"]).output().unwrap();
    assert_fails(&output, 2, "--features mpi");
}
