//! Processes that are killed, and others that go on.

use std::fs;
use std::time::{Duration, Instant};

use medseg_cohort::{CaseStatus, FailureKind, merge};

use crate::support::{Place, model, quick};

/// A table without its times, memory and paths.
fn lasting(place: &Place) -> Vec<(String, CaseStatus, Option<f64>)> {
    let table = merge(&place.out()).unwrap();
    table.rows.iter().map(|row| (row.case.clone(), row.status, row.volumes_ml.get("sum").copied())).collect()
}

#[test]
fn ten_kills_leave_the_files_of_an_uninterrupted_run() {
    let (whole, killed) = (Place::new(45), Place::new(45));
    assert!(whole.run(&model(), quick()).0.is_complete());
    for kill in 0..10_u64 {
        let before = killed.logged().len();
        let mut child = killed.spawn(Duration::from_millis(25), &[]);
        // From the very beginning to some cases later, by what the child does and not by the clock alone.
        let started = Instant::now();
        let wanted = before + (kill as usize % 4);
        while killed.logged().len() < wanted && started.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(kill * 3 % 17));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed.logged().len() >= 5, "the kills came before any work");
    let (report, worked) = killed.run(&model(), quick());
    assert!(
        report.is_complete(),
        "{:?}",
        report.table.rows.iter().filter(|row| row.error.is_some()).collect::<Vec<_>>()
    );
    assert!(!worked.is_empty(), "the kills came after all work");
    assert_eq!(whole.outputs(), killed.outputs());
    assert_eq!(lasting(&whole), lasting(&killed));
    assert_eq!(killed.leftovers(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_case_that_kills_the_process_is_given_up_and_its_neighbours_are_done() {
    let place = Place::new(9);
    let deadly = "site_1/case_04";
    let settings = [("COHORT_DEADLY", deadly), ("COHORT_DEATHS", "3")];
    let ends: Vec<Option<i32>> =
        (0..4).map(|_| place.spawn(Duration::ZERO, &settings).wait().unwrap().code()).collect();
    // Three deaths by a signal, then a run that ends with one failed case.
    assert_eq!(ends, [None, None, None, Some(1)]);
    assert_eq!(place.logged().iter().filter(|id| *id == deadly).count(), 3);
    let record = place.out().record(deadly).unwrap();
    assert_eq!(record.row.failure, Some(FailureKind::Killed));
    let table = merge(&place.out()).unwrap();
    assert_eq!((table.count(CaseStatus::Done), table.count(CaseStatus::Failed)), (8, 1));
    // The next run leaves it alone, so a requeued job comes to an end.
    assert_eq!(place.spawn(Duration::ZERO, &settings).wait().unwrap().code(), Some(1));
    assert_eq!(place.logged().iter().filter(|id| *id == deadly).count(), 3);
    // Another model may well manage it.
    let (report, worked) = place.run(&medseg_cohort::RunIdentity::new("model 2"), quick());
    assert!(report.is_complete() && worked.len() == 9);
}

#[test]
fn two_processes_on_one_folder_do_every_case_once() {
    let place = Place::new(30);
    let slow = Duration::from_millis(5);
    let mut workers: Vec<_> = (0..3).map(|_| place.spawn(slow, &[])).collect();
    for worker in &mut workers {
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }
    let logged = place.logged();
    let mut once = logged.clone();
    once.dedup();
    assert_eq!((logged.len(), once.len()), (30, 30), "{logged:?}");
    assert_eq!(place.outputs().len(), 60);
    assert!(place.leftovers().is_empty());
}

#[cfg(unix)]
#[test]
fn a_worker_that_slept_too_long_publishes_nothing() {
    let signal = |pid: u32, name: &str| {
        assert!(std::process::Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
    };
    let place = Place::new(3);
    let mut sleeper = place.spawn(Duration::from_millis(300), &[]);
    let started = Instant::now();
    while place.logged().is_empty() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(sleeper.id(), "-STOP");
    let limit = Duration::from_millis(400);
    let (report, worked) = place.run(&model(), quick().with_heartbeat(Duration::from_millis(50), limit));
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(worked.len(), 3);
    let times = |place: &Place| -> Vec<_> {
        let root = place.out().root().to_path_buf();
        let modified = |path: &std::path::PathBuf| fs::metadata(root.join(path)).unwrap().modified().unwrap();
        place.outputs().keys().map(modified).collect()
    };
    let before = times(&place);
    let records: Vec<_> = worked.iter().map(|id| place.out().record(id)).collect();
    signal(sleeper.id(), "-CONT");
    assert_eq!(sleeper.wait().unwrap().code(), Some(3), "it ends with the error that says so");
    assert_eq!(before, times(&place));
    assert_eq!(records, worked.iter().map(|id| place.out().record(id)).collect::<Vec<_>>());
    assert!(place.leftovers().is_empty());
}
