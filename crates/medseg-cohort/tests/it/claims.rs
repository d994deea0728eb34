//! Claims of workers elsewhere, as far as a test can make them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use medseg_cohort::{
    Busy, Case, CaseError, CaseFiles, CaseStatus, CaseSummary, Cohort, FindOptions, RunReport, Staging, find,
};

use crate::support::{Place, Sum, model, quick, sum};

/// A worker on another computer that has a case, its last sign of life so many seconds ago.
fn elsewhere(place: &Place, case: &str, age: u64) -> PathBuf {
    let hidden = place.out().root().join(".medseg");
    let worker = hidden.join("workers/feedfeedfeedfeed");
    fs::create_dir_all(&worker).unwrap();
    fs::create_dir_all(hidden.join("claims")).unwrap();
    fs::write(worker.join("worker.json"), r#"{ "host": "node-7", "pid": 42, "boot": "another" }"#).unwrap();
    File::create(worker.join("alive")).unwrap().set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    let text = format!(
        r#"{{ "case": "{case}", "worker": "feedfeedfeedfeed", "deaths": 0, "identity": "", "holder": "node-7" }}"#
    );
    let claim = hidden.join("claims").join(format!("{}.json", case.replace('/', "%2F")));
    fs::write(&claim, text).unwrap();
    claim
}

#[test]
fn the_case_of_a_living_worker_is_left_to_it_by_name() {
    let place = Place::new(3);
    let claim = elsewhere(&place, "site_1/case_01", 5);
    let (report, worked) = place.run(&model(), quick().with_busy(Busy::Leave));
    assert_eq!(worked, ["site_0/case_00", "site_2/case_02"]);
    let busy: Vec<_> = report.table.rows.iter().filter(|row| row.status == CaseStatus::Busy).collect();
    assert_eq!(busy.len(), 1);
    assert_eq!(busy[0].error.as_deref(), Some("process 42 on node-7"));
    assert!(!report.is_complete() && claim.exists());
}

#[test]
fn the_case_of_a_worker_without_a_sign_of_life_is_taken_over() {
    let place = Place::new(3);
    elsewhere(&place, "site_1/case_01", 61);
    let (report, worked) = place.run(&model(), quick());
    assert!(report.is_complete() && worked.len() == 3);
    assert!(place.leftovers().is_empty(), "{:?}", place.leftovers());
}

#[test]
fn a_worker_waits_for_the_case_of_another_until_that_one_is_dead() {
    let place = Place::new(2);
    elsewhere(&place, "site_0/case_00", 0);
    let limit = Duration::from_millis(300);
    let (report, worked) = place.run(&model(), quick().with_heartbeat(Duration::from_millis(50), limit));
    assert!(report.is_complete() && worked.len() == 2);
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_claim_without_a_worker_and_one_that_is_damaged_are_no_obstacle() {
    let place = Place::new(2);
    let claim = elsewhere(&place, "site_0/case_00", 0);
    fs::remove_dir_all(place.out().root().join(".medseg/workers")).unwrap();
    assert!(place.run(&model(), quick()).0.is_complete());
    fs::write(&claim, "{").unwrap();
    File::open(&claim).unwrap().set_modified(SystemTime::now() - Duration::from_secs(100)).unwrap();
    let (report, worked) = place.run(&medseg_cohort::RunIdentity::new("model 2"), quick());
    assert!(report.is_complete() && worked.len() == 2);
    assert!(place.leftovers().is_empty());
}

/// Lets another worker do everything between the look at a case's record and the claim.
struct Overtaken<'a>(&'a Place);

impl CaseFiles for Overtaken<'_> {
    type Input = Vec<u8>;
    type Output = u64;

    fn endings(&self) -> Vec<String> {
        Sum.endings()
    }

    fn bytes(&self, _case: &Case) -> u64 {
        assert!(self.0.run(&model(), quick()).0.is_complete());
        1
    }

    fn read(&self, case: &Case) -> Result<Vec<u8>, CaseError> {
        Sum.read(case)
    }

    fn write(&self, case: &Case, sum: u64, staging: &Staging) -> Result<CaseSummary, CaseError> {
        Sum.write(case, sum, staging)
    }
}

#[test]
fn a_case_that_was_done_just_before_the_claim_is_not_done_again() {
    let place = Place::new(1);
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let cohort = Cohort::new(place.out(), model()).with_options(quick());
    let report = cohort.run(&found, &Overtaken(&place), |_, _| panic!("it is done")).unwrap();
    assert_eq!(report.count(CaseStatus::Skipped), 1);
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_claim_that_names_a_strange_place_harms_nothing_there() {
    let place = Place::new(1);
    let claim = elsewhere(&place, "site_0/case_00", 0);
    let text = fs::read_to_string(&claim).unwrap();
    let precious = place.folder.path().join("precious");
    fs::create_dir(&precious).unwrap();
    for strange in ["../../../precious".to_string(), precious.to_string_lossy().into_owned(), String::new(), ".".into()]
    {
        fs::write(&claim, text.replace("feedfeedfeedfeed", &strange)).unwrap();
        let identity = medseg_cohort::RunIdentity::new(&strange);
        assert!(place.run(&identity, quick()).0.is_complete(), "{strange}");
        assert!(precious.is_dir() && place.out().root().join(".medseg/workers").is_dir());
    }
}

#[test]
fn a_death_after_a_stop_was_asked_for_does_not_count() {
    let identity = serde_json::to_string(&model()).unwrap();
    for (asked, failed) in [(false, 1), (true, 0)] {
        let place = Place::new(2);
        let claim = elsewhere(&place, "site_0/case_00", 100);
        let text: serde_json::Value = serde_json::from_str(&fs::read_to_string(&claim).unwrap()).unwrap();
        let mut text = text;
        (text["deaths"], text["identity"]) = (2.into(), identity.clone().into());
        fs::write(&claim, text.to_string()).unwrap();
        if asked {
            fs::write(claim.with_extension("asked"), "").unwrap();
        }
        let (report, worked) = place.run(&model(), quick().with_most_deaths(3));
        assert_eq!((report.count(CaseStatus::Failed), worked.len()), (failed, 2 - failed));
        assert!(place.leftovers().is_empty());
    }
}

#[test]
fn many_workers_in_one_process_do_every_case_once() {
    let place = Place::new(40);
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let worked = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let report =
                    Cohort::new(place.out(), model()).with_options(quick()).run(&found, &Sum, |case, input| {
                        worked.lock().unwrap().push(case.id.clone());
                        Ok(sum(&input))
                    });
                assert!(report.unwrap().is_complete());
            });
        }
    });
    let mut worked = worked.into_inner().unwrap();
    worked.sort();
    assert_eq!(worked, found.cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>());
    assert!(place.leftovers().is_empty());
}

#[test]
fn a_stop_ends_after_the_case_that_is_worked_on_and_lets_the_others_go() {
    let place = Place::new(10);
    let stop = Arc::new(AtomicBool::new(false));
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let mut worked = 0;
    let cohort = Cohort::new(place.out(), model()).with_options(quick()).with_stop(Arc::clone(&stop));
    let report: RunReport = cohort
        .run(&found, &Sum, |_, input| {
            worked += 1;
            stop.store(worked == 3, Ordering::Relaxed);
            // The heart sees the stop and marks the claims.
            std::thread::sleep(Duration::from_millis(if worked == 3 { 250 } else { 0 }));
            Ok(sum(&input))
        })
        .unwrap();
    assert_eq!((worked, report.count(CaseStatus::Done)), (3, 3));
    assert!(report.stopped && !report.is_complete());
    assert!(place.leftovers().is_empty(), "{:?}", place.leftovers());
    let (report, worked) = place.run(&model(), quick());
    assert!(report.is_complete() && worked.len() == 7);
}
