//! The examples as a user runs them: exit codes, one sentence for an error, files that open again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use medseg::data::phantom::PhantomConfig;
use medseg::volume::{read_image, read_info, read_label};

/// An example, which `cargo test` builds beside the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    let path =
        tests.ancestors().nth(2).unwrap().join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: run `cargo test`, or `cargo build --examples` first", path.display());
    Command::new(path)
}

/// A tiny set of six cases, four of them to train.
struct Data {
    dir: tempfile::TempDir,
}

impl Data {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let phantom = PhantomConfig { cases: 6, seed: 3, scale: 0.25, ..PhantomConfig::default() };
        phantom.write(dir.path().join("data"), &mut |_, _| {}).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An experiment with small networks on these cases.
    fn run(&self, name: &str, more: &[&str]) -> Output {
        self.command(name, more).output().unwrap()
    }

    fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = example(name);
        command.args(["--data", self.path("data").to_str().unwrap(), "--out", self.path("out").to_str().unwrap()]);
        command.args(["--channels", "2,2,4", "--roi", "16,16,16", "--epochs", "2", "--device", "cpu"]);
        command.args(more);
        command
    }

    /// The same with no file larger than so many KiB, as on a disk that is full by then.
    #[cfg(target_os = "linux")]
    fn run_within(&self, kib: usize, name: &str, more: &[&str]) -> Output {
        let (limit, command) = (format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\""), self.command(name, more));
        let mut limited = Command::new("bash");
        limited.args(["-c", &limit, "bash"]).arg(command.get_program()).args(command.get_args());
        limited.output().unwrap()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks the exit code and that the last line is one sentence that names `what`.
fn assert_fails(output: &Output, code: i32, what: &str) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && errors[0].contains(what), "{what} is not named in one sentence:\n{text}");
}

#[test]
fn an_experiment_and_a_prediction() {
    for (name, stages) in [("one_stage", vec!["one_stage"]), ("two_stage", vec!["coarse", "fine"])] {
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
        let predict = example("predict").args([&out, &image, &mask]).output().unwrap();
        assert!(predict.status.success(), "{}", stderr(&predict));
        assert_eq!(read_label(&mask).unwrap().shape(), read_image(&image).unwrap().shape());
        assert_eq!(read_info(&mask).unwrap().geometry, read_info(&image).unwrap().geometry);

        // The bundle needs nothing of the run.
        let (bundle, again) = (data.path("bundle"), data.path("again.nii.gz"));
        fs::rename(out.join("bundle"), &bundle).unwrap();
        let predict = |folder: &Path| example("predict").args([folder, &image, &again]).output().unwrap();
        assert!(predict(&bundle).status.success());
        assert_eq!(read_label(&again).unwrap(), read_label(&mask).unwrap());
        assert!(predict(&out).status.success(), "a run without its bundle");
        assert_eq!(read_label(&again).unwrap(), read_label(&mask).unwrap());
        fs::write(bundle.join("bundle.json"), "{}").unwrap();
        assert_fails(&predict(&bundle), 1, "bundle.json");
    }
}

#[test]
fn a_plan_comes_first_and_memory_is_kept_or_refused() {
    let data = Data::new();
    assert!(data.run("one_stage", &[]).status.success());
    let (out, image, mask) = (data.path("out"), data.path("data/image/phantom_000.nii.gz"), data.path("mask.nii.gz"));
    let predict = |more: &[&str]| example("predict").args([&out, &image, &mask]).args(more).output().unwrap();
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
    let wrong = example("predict").args([&out, &image, &data.path("mask.png")]).output().unwrap();
    assert_fails(&wrong, 2, "mask.png");
}

/// A limit on the size of files stands for a full disk: writing fails in the middle.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error_that_names_the_file_and_keeps_the_old_mask() {
    let data = Data::new();
    assert!(data.run("one_stage", &[]).status.success());
    let folder = data.path("masks");
    fs::create_dir(&folder).unwrap();
    let mask = folder.join("mask.nii");
    fs::write(&mask, "an older mask").unwrap();
    let predict = example("predict");
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "bash"])
        .arg(predict.get_program())
        .args([data.path("out"), data.path("data/image/phantom_000.nii.gz"), mask.clone()])
        .output()
        .unwrap();
    assert_fails(&output, 1, "masks/mask.nii");
    assert_eq!(fs::read_to_string(&mask).unwrap(), "an older mask");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

/// As above for an experiment. The limit rises until nothing hits it, so that every kind of file fails once or more, from
/// the settings to the report.
#[test]
#[cfg(target_os = "linux")]
fn an_experiment_without_room_stops_naming_the_file_and_goes_on_when_there_is_some() {
    let data = Data::new();
    let options = ["--tensorboard", "--resume", "--set", "fine.validate_every=1"];
    let whole = data.run("two_stage", &options);
    assert!(whole.status.success(), "{}", stderr(&whole));
    fs::rename(data.path("out"), data.path("whole")).unwrap();

    let mut stopped_at = BTreeSet::new();
    let mut kib = 1;
    let finished = loop {
        let output = data.run_within(kib, "two_stage", &options);
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
    assert!(stopped_at.iter().any(|line| line.contains("report.html")), "the report did not: {stopped_at:?}");

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
fn a_killed_prediction_leaves_no_mask() {
    use std::io::{BufRead, BufReader};
    let data = Data::new();
    assert!(data.run("one_stage", &[]).status.success());
    let large = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let data_of = ndarray::Array3::from_shape_fn((200, 200, 200), |(z, ..)| z as f32);
    let image = data.path("large.nii");
    medseg::volume::write_image(&image, &medseg::volume::Volume::new(data_of, large.geometry)).unwrap();
    let folder = data.path("masks");
    fs::create_dir(&folder).unwrap();
    let mut child = example("predict")
        .args([data.path("out"), image, folder.join("mask.nii.gz")])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The plan is told before the first window.
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
        let mut command = example("two_stage");
        command.args(["--data", data.path("data").to_str().unwrap(), "--out", data.path("out").to_str().unwrap()]);
        assert_fails(&command.args(arguments).output().unwrap(), 2, what);
    }
    assert!(!data.path("out").exists());
}

#[test]
fn the_device_that_auto_takes_is_told_with_the_reason() {
    let data = Data::new();
    let paths = [data.path("data"), data.path("out")].map(|path| path.into_os_string().into_string().unwrap());
    let run = |more: &[&str]| {
        let mut command = example("one_stage");
        command.args(["--data", &paths[0], "--out", &paths[1], "--dry-run"]);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output)
    };
    let told = |text: &str| text.lines().filter(|line| line.starts_with("on cpu")).count();
    let asked = run(&["--device", "auto"]);
    let on_the_cpu = asked.lines().any(|line| line.starts_with("device: cpu"));
    assert_eq!(told(&asked), usize::from(on_the_cpu), "{asked}");
    assert_eq!(told(&run(&["--device", "cpu"])), 0);
    // Where no GPU's backend is built in there was nothing to choose from.
    if !cfg!(any(feature = "cuda", feature = "webgpu")) {
        assert_eq!(told(&run(&[])), 0);
    }
    let listed = example("device").output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success() && text.contains("cpu (Burn Flex) works"), "{text}");
    assert_fails(&example("device").arg("cuda:99").output().unwrap(), 2, "cuda:99");
}

#[test]
fn bad_data_ends_with_1_and_names_the_file() {
    let truncate = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let missing = Data::new();
    fs::remove_dir_all(missing.path("data")).unwrap();
    assert_fails(&missing.run("one_stage", &[]), 1, missing.path("data").to_str().unwrap());

    let alone = Data::new();
    fs::remove_file(alone.path("data/label/phantom_001.nii.gz")).unwrap();
    assert_fails(&alone.run("one_stage", &[]), 1, "phantom_001.nii.gz");

    let cut = Data::new();
    truncate(&cut.path("data/image/phantom_002.nii.gz"));
    assert_fails(&cut.run("one_stage", &[]), 1, "phantom_002.nii.gz");

    let blocked = Data::new();
    fs::write(blocked.path("out"), b"a file").unwrap();
    assert_fails(&blocked.run("one_stage", &[]), 1, blocked.path("out").to_str().unwrap());
}

#[test]
fn predicting_with_the_wrong_paths_names_them_and_writes_nothing() {
    let data = Data::new();
    assert!(data.run("one_stage", &["--seed", "1"]).status.success());
    let (out, image) = (data.path("out"), data.path("data/image/phantom_000.nii.gz"));
    let mask = data.path("mask.nii.gz");
    let predict = |run: &Path, image: &Path, mask: &Path| example("predict").args([run, image, mask]).output().unwrap();
    assert_fails(&predict(&data.path("nothing"), &image, &mask), 1, "nothing");
    assert_fails(&predict(&out, &data.path("none.nii.gz"), &mask), 1, "none.nii.gz");
    assert_fails(&predict(&out, &out.join("config.json"), &mask), 1, "config.json");
    assert!(!mask.exists());
    assert_fails(&predict(&out, &image, &data.path("no/mask.nii.gz")), 1, "no/mask.nii.gz");
    assert_eq!(example("predict").output().unwrap().status.code(), Some(2));
}

#[test]
fn a_changed_setting_is_refused_when_resuming() {
    let data = Data::new();
    assert!(data.run("one_stage", &[]).status.success());
    assert!(data.run("one_stage", &["--resume"]).status.success());
    assert_fails(&data.run("one_stage", &["--resume", "--lr", "0.5"]), 2, "optimizer.lr");
}

#[test]
#[cfg(target_os = "linux")]
fn a_resumed_run_tells_the_memory_of_its_training_too() {
    let data = Data::new();
    let peak = |more: &[&str]| -> u64 {
        let output = data.run("one_stage", more);
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
    let help = example("one_stage").arg("--help").output().unwrap();
    assert!(help.status.success());
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in ["--data", "--labels", "--preset", "--device", "--out", "--epochs", "--roi", "--resume", "--dry-run"]
    {
        assert!(text.contains(option), "{option} is not in the help");
    }
    let dry = data.run("two_stage", &["--dry-run"]);
    assert!(dry.status.success(), "{}", stderr(&dry));
    assert!(!data.path("out").exists());
}

#[test]
fn a_tiny_image_is_segmented_too() {
    let data = Data::new();
    assert!(data.run("two_stage", &[]).status.success());
    let image = read_image(data.path("data/image/phantom_000.nii.gz")).unwrap();
    let tiny = medseg::volume::Volume::new(image.data.slice(ndarray::s![..1, ..2, ..3]).to_owned(), image.geometry);
    let path = data.path("tiny.nii.gz");
    medseg::volume::write_image(&path, &tiny).unwrap();
    let mask = data.path("mask.nii");
    let output = example("predict").args([data.path("out"), path, mask.clone()]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(read_label(&mask).unwrap().data.dim(), (1, 2, 3));
}
