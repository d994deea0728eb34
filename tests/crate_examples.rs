//! The short example of every crate, run as a user runs it first: without arguments.

use std::process::{Command, Output};

/// Runs an example, which `cargo test` builds beside the tests.
fn run(name: &str, arguments: &[&str]) -> Output {
    let tests = std::env::current_exe().unwrap();
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Command::new(tests.ancestors().nth(2).unwrap().join("examples").join(file)).args(arguments).output().unwrap()
}

#[test]
fn every_crate_has_an_example_that_runs_alone() {
    for entry in std::fs::read_dir("crates").unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        let name = folder.strip_prefix("medseg-").unwrap();
        // The first serves the other crates' tests; the second is a program.
        if name == "testing" || name == "cli" {
            continue;
        }
        // Its example is built with its feature alone.
        if name == "dicomweb" && !cfg!(feature = "dicomweb") {
            continue;
        }
        let output = run(name, &[]);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !stdout.is_empty(), "{name}: {stdout}{stderr}");
    }
}

#[test]
fn the_experiments_are_planned_without_any_option_but_that() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one_stage", "two_stage"] {
        let out = folder.path().join(name);
        let planned = run(name, &["--dry-run", "--device", "cpu", "--out", out.to_str().unwrap()]);
        let text = String::from_utf8_lossy(&planned.stderr);
        assert!(planned.status.success() && text.contains(name), "{name}: {text}");
        assert_eq!(run(name, &["--no-such-option"]).status.code(), Some(2));
    }
}

#[test]
fn files_are_taken_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    assert!(run("data", &[&path("set")]).status.success());
    let label = path("set/label/phantom_000.nii.gz");
    let scores = run("metrics", &[&label, &label]);
    assert!(String::from_utf8_lossy(&scores.stdout).starts_with("Dice 1.0000"), "{scores:?}");
    let other = run("metrics", &[&label, &path("set/label/phantom_001.nii.gz")]);
    assert!(!other.status.success(), "masks on different grids cannot be compared");
    for (name, arguments) in [("volume", vec!["none.nii"]), ("metrics", vec!["none.nii", &label])] {
        let missing = run(name, &arguments);
        let text = String::from_utf8_lossy(&missing.stderr);
        assert!(!missing.status.success() && text.starts_with("error: ") && text.contains("none.nii"), "{text}");
    }
    assert!(run("volume", &[&path("set/image/phantom_000.nii.gz"), &path("ras.nii.gz")]).status.success());
    assert!(folder.path().join("ras.nii.gz").is_file());
}
