//! A run that was killed and resumed equals one that was not.

#[path = "it/support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use medseg_train::{BoxSource, Experiment, ExperimentConfig};
use medseg_volume::error_chain;
use support::{Listener, history, request, run, tiny, write_cases};

const DATA: &str = "MEDSEG_TEST_DATA";
const OUT: &str = "MEDSEG_TEST_OUT";

/// Two stages, the fine one on boxes that are drawn anew in every epoch.
fn jittered() -> ExperimentConfig {
    let mut config = tiny(Experiment::TwoStage);
    (config.fine.boxes, config.fine.box_jitter) = (BoxSource::Jittered, 3);
    config
}

/// Trains in a process of its own until it is killed; started by the test below.
#[test]
#[ignore = "the part of the test below that is killed"]
fn child() {
    let (data, out) = (std::env::var_os(DATA).unwrap(), std::env::var_os(OUT).unwrap());
    let mut request = request(jittered(), data.as_ref(), out.as_ref());
    request.resume = true;
    run(&request).unwrap();
}

/// Starts the run, kills it as soon as `sign` is there, and says whether it was still running.
fn start_and_kill(data: &Path, out: &Path, sign: &Path) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .envs([(DATA, data), (OUT, out)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !sign.exists() && child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(120), "{} never came", sign.display());
        std::thread::sleep(Duration::from_millis(1));
    }
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}

fn weights(out: &Path) -> [Vec<u8>; 2] {
    ["coarse", "fine"].map(|stage| fs::read(out.join(stage).join("best.safetensors")).unwrap())
}

#[test]
fn a_run_killed_in_both_stages_ends_like_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    write_cases(&path("data"));
    let (whole, killed) = (path("whole"), path("killed"));
    run(&request(jittered(), &path("data"), &whole)).unwrap();

    let signs = ["coarse/last/state.json", "fine/last.new", "predictions/phantom_005.nii.gz"];
    let interrupted = signs.iter().filter(|sign| start_and_kill(&path("data"), &killed, &killed.join(sign))).count();
    assert!(interrupted >= 2, "only {interrupted} of the kills met a running process");
    let mut resumed = request(jittered(), &path("data"), &killed);
    resumed.resume = true;
    run(&resumed).unwrap();

    for stage in ["coarse", "fine"] {
        assert_eq!(history(&killed.join(stage)), history(&whole.join(stage)), "{stage}");
        assert_eq!(history(&whole.join(stage)).len(), 1 + 3);
    }
    assert!(weights(&killed) == weights(&whole), "the best weights differ");
    let mask = |out: &Path| fs::read(out.join("predictions/phantom_005.nii.gz")).unwrap();
    assert!(mask(&killed) == mask(&whole), "the masks differ");
}

#[test]
fn the_number_of_loader_threads_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_cases(&dir.path().join("data"));
    let histories = [1, 5].map(|workers| {
        let mut config = jittered();
        config.data.workers = workers;
        // One stage's cases no longer fit, so that they are prepared anew in every epoch.
        config.data.cache_mib = workers - 1;
        let out = dir.path().join(workers.to_string());
        run(&request(config, &dir.path().join("data"), &out)).unwrap();
        ["coarse", "fine"].map(|stage| history(&out.join(stage)))
    });
    assert_eq!(histories[0], histories[1]);
}

#[test]
fn another_seed_gives_another_history() {
    let dir = tempfile::tempdir().unwrap();
    write_cases(&dir.path().join("data"));
    let histories = [0, 1].map(|seed| {
        let mut config = tiny(Experiment::OneStage);
        config.seed = seed;
        let out = dir.path().join(seed.to_string());
        run(&request(config, &dir.path().join("data"), &out)).unwrap();
        history(&out.join("one_stage"))
    });
    assert_ne!(histories[0], histories[1]);
}

#[test]
fn a_finished_run_is_resumed_without_training() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut request = request(tiny(Experiment::OneStage), &data, &out);
    run(&request).unwrap();
    let before = fs::read(out.join("one_stage/history.csv")).unwrap();
    request.resume = true;
    run(&request).unwrap();
    assert!(fs::read(out.join("one_stage/history.csv")).unwrap() == before);
}

#[test]
fn a_damaged_last_checkpoint_is_named_and_the_one_before_is_gone_on_from() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut request = request(tiny(Experiment::OneStage), &data, &out);
    run(&request).unwrap();
    let stage = out.join("one_stage");
    let reached = |name: &str| (history(&stage), fs::read(stage.join(name)).unwrap());
    let whole = reached("best.safetensors");
    request.resume = true;
    for file in ["network.bpk", "optimizer.bpk", "state.json"] {
        let path = stage.join("last").join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut listener = Listener::default();
        support::run_observed(&request, &mut listener).unwrap();
        assert!(
            listener.warnings.iter().any(|w| w.contains(file) && w.contains("checksum")),
            "{:?}",
            listener.warnings
        );
        assert!(listener.messages.iter().any(|m| m.contains("going on after epoch 2")), "{:?}", listener.messages);
        assert!(reached("best.safetensors") == whole, "{file}");
    }
}

#[test]
fn two_damaged_checkpoints_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut request = request(tiny(Experiment::OneStage), &data, &out);
    run(&request).unwrap();
    for folder in ["last", "previous"] {
        let path = out.join("one_stage").join(folder).join("network.bpk");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    request.resume = true;
    let error = run(&request).unwrap_err();
    let text = error_chain(&error);
    assert!(error.is_usage() && text.contains("network.bpk") && text.contains("previous"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn a_changed_setting_is_refused_unless_forced() {
    let dir = tempfile::tempdir().unwrap();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    write_cases(&data);
    let mut request = request(tiny(Experiment::OneStage), &data, &out);
    run(&request).unwrap();
    request.resume = true;
    request.config.fine.epochs = 4;
    request.config.data.workers = 1;
    let error = run(&request).unwrap_err();
    assert!(error.is_usage() && error_chain(&error).contains("fine.epochs: 3 -> 4"), "{error}");
    assert!(!error_chain(&error).contains("workers"), "{error}");
    request.force_config = true;
    let mut listener = Listener::default();
    support::run_observed(&request, &mut listener).unwrap();
    assert!(listener.warnings.iter().any(|w| w.contains("fine.epochs")), "{:?}", listener.warnings);
    assert_eq!(history(&out.join("one_stage")).len(), 1 + 4);
}
