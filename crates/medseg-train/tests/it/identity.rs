//! A run goes on with the data that it was started on, one process at a time.

use std::fs;
use std::path::Path;

use medseg_data::SplitRule;
use medseg_files::{FolderLock, LockError};
use medseg_train::{DiskCacheConfig, Experiment, RunRequest, Silent, TrainError};
use medseg_volume::{read_image, read_label, write_image, write_label};

use crate::support::{Listener, finished, request, run, run_observed, tiny, write_cases};

/// A finished run on six cases, and the request to go on with it.
fn begun(dir: &Path) -> RunRequest {
    write_cases(&dir.join("data"));
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 1;
    config.data.split = SplitRule::Random { train: 0.6, validation: Some(0.2), seed: 0 };
    let first = request(config, &dir.join("data"), &dir.join("out"));
    finished(&first, &mut Silent);
    RunRequest { resume: true, ..first }
}

fn image(dir: &Path, number: usize) -> std::path::PathBuf {
    dir.join(format!("data/image/phantom_{number:03}.nii.gz"))
}

/// The message of a refusal to go on.
fn refusal(request: &RunRequest) -> String {
    match run(request) {
        Err(error @ TrainError::Resume { .. }) => error.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn cases_that_come_or_go_are_named_and_only_force_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let again = begun(dir.path());
    finished(&again, &mut Silent);
    for kind in ["image", "label"] {
        let file = |name: &str| dir.path().join("data").join(kind).join(name);
        fs::rename(file("phantom_001.nii.gz"), file("phantom_009.nii.gz")).unwrap();
    }
    let message = refusal(&again);
    assert!(message.contains("case phantom_001") && message.contains("is missing"), "{message}");
    assert!(message.contains("case phantom_009 is new") && message.contains("--force-config"), "{message}");

    let mut listener = Listener::default();
    run_observed(&RunRequest { force_config: true, ..again.clone() }, &mut listener).unwrap();
    assert!(listener.warnings.iter().any(|text| text.contains("phantom_009 is new")), "{:?}", listener.warnings);
    // The new data are now those of the run.
    finished(&again, &mut Silent);
}

#[test]
fn other_voxels_are_found_and_another_compression_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let again = begun(dir.path());
    let mut volume = read_image(image(dir.path(), 2)).unwrap();
    write_image(image(dir.path(), 2), &volume).unwrap();
    finished(&again, &mut Silent);

    volume.data[[0, 0, 0]] += 1.0;
    write_image(image(dir.path(), 2), &volume).unwrap();
    let message = refusal(&again);
    assert!(message.contains("case phantom_002 has another image") && !message.contains("phantom_003"), "{message}");

    volume.data[[0, 0, 0]] -= 1.0;
    write_image(image(dir.path(), 2), &volume).unwrap();
    let label = |number: usize| dir.path().join(format!("data/label/phantom_{number:03}.nii.gz"));
    let mut changed = read_label(label(3)).unwrap();
    changed.data[[0, 0, 0]] = 1;
    write_label(label(3), &changed).unwrap();
    let message = refusal(&again);
    assert!(message.contains("case phantom_003 has another label") && !message.contains("phantom_002"), "{message}");
}

#[test]
fn a_run_of_a_version_that_noted_its_split_alone_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let again = begun(dir.path());
    fs::remove_file(again.out.join("data.json")).unwrap();
    finished(&again, &mut Silent);
    assert!(again.out.join("data.json").is_file());
    fs::remove_file(again.out.join("data.json")).unwrap();
    for kind in ["image", "label"] {
        fs::remove_file(dir.path().join("data").join(kind).join("phantom_004.nii.gz")).unwrap();
    }
    assert!(refusal(&again).contains("case phantom_004"));
}

#[test]
fn a_prepared_case_is_found_by_the_content_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    write_cases(&dir.path().join("data"));
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 1;
    config.data.disk_cache = Some(DiskCacheConfig { folder: dir.path().join("cache"), mib: 64 });
    let entries = || {
        let items = fs::read_dir(dir.path().join("cache")).unwrap().map(|entry| entry.unwrap().path());
        items.filter(|path| path.extension().is_some_and(|ending| ending == "item")).count()
    };
    for (name, expected) in [("data", 5), ("moved", 5)] {
        let data = dir.path().join(name);
        if name == "moved" {
            fs::rename(dir.path().join("data"), &data).unwrap();
        }
        finished(&request(config.clone(), &data, &dir.path().join(format!("out-{name}"))), &mut Silent);
        assert_eq!(entries(), expected);
    }
    let mut volume = read_image(dir.path().join("moved/image/phantom_000.nii.gz")).unwrap();
    volume.data[[0, 0, 0]] += 1.0;
    write_image(dir.path().join("moved/image/phantom_000.nii.gz"), &volume).unwrap();
    finished(&request(config, &dir.path().join("moved"), &dir.path().join("out-changed")), &mut Silent);
    assert_eq!(entries(), 6);
}

#[test]
fn a_second_process_is_told_who_writes_to_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    write_cases(&dir.path().join("data"));
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 1;
    let first = request(config, &dir.path().join("data"), &dir.path().join("out"));
    let lock = FolderLock::acquire(&first.out).unwrap();
    let Err(TrainError::Lock(LockError::Held { holder, .. })) = run(&first) else { panic!("not refused") };
    assert!(holder.contains(&std::process::id().to_string()), "{holder}");
    run(&RunRequest { dry_run: true, ..first.clone() }).unwrap();
    drop(lock);
    assert!(!first.out.exists());
    finished(&first, &mut Silent);
}
