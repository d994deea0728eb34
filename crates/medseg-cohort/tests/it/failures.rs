//! Cases that fail, and the others.

use std::cell::Cell;
use std::fs;

use medseg_cohort::{
    Case, CaseError, CaseFiles, CaseStatus, CaseSummary, Cohort, CohortError, FailureKind, FindOptions, Found, Retry,
    Staging, find,
};

use crate::support::{Place, Sum, model, quick, sum};

/// Fails in the step that the case's name says.
struct Fragile;

impl CaseFiles for Fragile {
    type Input = Vec<u8>;
    type Output = (String, u64);

    fn endings(&self) -> Vec<String> {
        Sum.endings()
    }

    fn read(&self, case: &Case) -> Result<Vec<u8>, CaseError> {
        match case.id.as_str() {
            "read" => Err("no header".into()),
            "read_panic" => panic!("a bug of number {}", 7),
            "changed" => {
                let input = Sum.read(case)?;
                fs::write(&case.files()[0], "longer than it was before")?;
                Ok(input)
            }
            _ => Sum.read(case),
        }
    }

    fn write(&self, case: &Case, (id, sum): (String, u64), staging: &Staging) -> Result<CaseSummary, CaseError> {
        match id.as_str() {
            "write" => Err("no mask".into()),
            "write_panic" => panic!("another bug"),
            "wrong_name" => {
                fs::write(staging.folder().join("other.txt"), "x")?;
                Ok(CaseSummary::default())
            }
            _ => Sum.write(case, sum, staging),
        }
    }
}

fn fragile(place: &Place, retry: Retry) -> (Vec<(String, Option<FailureKind>, String)>, usize) {
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let read = Cell::new(0);
    let cohort = Cohort::new(place.out(), model()).with_options(quick().with_retry(retry));
    let report = cohort
        .run(&found, &Fragile, |case, input| {
            read.set(read.get() + 1);
            match case.id.as_str() {
                "process" => Err("no memory".into()),
                "process_panic" => panic!("a bug in the network"),
                _ => Ok((case.id.clone(), sum(&input))),
            }
        })
        .unwrap();
    assert!(!report.is_complete());
    let rows = report.table.rows.into_iter();
    (rows.map(|row| (row.case, row.failure, row.error.unwrap_or_default())).collect(), read.get())
}

#[test]
fn each_failure_is_a_row_with_its_reason_and_the_others_are_done() {
    let place = Place::new(0);
    let failing = ["read", "read_panic", "changed", "process", "process_panic", "write", "write_panic", "wrong_name"];
    for name in failing.iter().chain(&["good", "also_good"]) {
        place.put(&format!("{name}.nii"), b"voxels");
    }
    let (rows, _) = fragile(&place, Retry::Failed);
    let expected = [
        ("also_good", None, ""),
        ("changed", Some(FailureKind::Changed), "the files changed while they were read"),
        ("good", None, ""),
        ("process", Some(FailureKind::Process), "no memory"),
        ("process_panic", Some(FailureKind::Panic), "panic: a bug in the network"),
        ("read", Some(FailureKind::Read), "no header"),
        ("read_panic", Some(FailureKind::Panic), "panic: a bug of number 7"),
        ("write", Some(FailureKind::Write), "no mask"),
        ("write_panic", Some(FailureKind::Panic), "panic: another bug"),
    ];
    for (row, (case, failure, error)) in rows.iter().zip(expected) {
        assert_eq!((row.0.as_str(), row.1, row.2.as_str()), (case, failure, error));
    }
    assert!(rows[9].2.contains("other.txt") && rows[9].1 == Some(FailureKind::Write), "{:?}", rows[9]);
    assert_eq!(place.outputs().len(), 4);
    assert!(place.leftovers().is_empty());

    // Tried again by default, left alone by option.
    let (rows, worked) = fragile(&place, Retry::None);
    assert_eq!((rows.len(), worked), (10, 0));
    // Read again all the same, since nothing is known about its content.
    assert_eq!(place.out().record("changed").unwrap().input, None);
    let (rows, worked) = fragile(&place, Retry::Failed);
    assert_eq!((rows.len(), worked), (10, 5));
}

#[test]
fn a_missing_file_fails_and_a_later_run_finds_it() {
    let place = Place::new(2);
    let case = Case::new("late", medseg_cohort::CaseImage::Channels(vec![place.input().join("late.nii")])).unwrap();
    let found = Found::from(vec![case]);
    let run = || Cohort::new(place.out(), model()).run(&found, &Sum, |_, input| Ok(sum(&input))).unwrap();
    let report = run();
    assert_eq!(report.table.rows[0].failure, Some(FailureKind::Read));
    place.put("late.nii", b"\x01\x02");
    assert!(run().is_complete());
}

#[test]
fn cases_that_would_write_one_file_are_refused_before_anything_is_done() {
    let place = Place::new(0);
    // `a` and `a.sum` would both write `a.sum.txt` if `.txt` were an ending.
    place.put("a.nii", b"x");
    place.put("a.sum.nii", b"y");
    struct Txt;
    impl CaseFiles for Txt {
        type Input = Vec<u8>;
        type Output = u64;
        fn endings(&self) -> Vec<String> {
            vec![".txt".into(), ".sum.txt".into()]
        }
        fn read(&self, case: &Case) -> Result<Vec<u8>, CaseError> {
            Sum.read(case)
        }
        fn write(&self, case: &Case, sum: u64, staging: &Staging) -> Result<CaseSummary, CaseError> {
            Sum.write(case, sum, staging)
        }
    }
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let error = Cohort::new(place.out(), model()).run(&found, &Txt, |_, input| Ok(sum(&input))).unwrap_err();
    assert!(matches!(&error, CohortError::SameOutput { file, .. } if file == "a.sum.txt"), "{error}");
    assert!(!place.out().root().exists());
    place.put("table.nii", b"z");
    fs::remove_file(place.input().join("a.nii")).unwrap();
    struct Csv;
    impl CaseFiles for Csv {
        type Input = Vec<u8>;
        type Output = u64;
        fn endings(&self) -> Vec<String> {
            vec![".csv".into()]
        }
        fn read(&self, case: &Case) -> Result<Vec<u8>, CaseError> {
            Sum.read(case)
        }
        fn write(&self, case: &Case, sum: u64, staging: &Staging) -> Result<CaseSummary, CaseError> {
            Sum.write(case, sum, staging)
        }
    }
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let error = Cohort::new(place.out(), model()).run(&found, &Csv, |_, input| Ok(sum(&input))).unwrap_err();
    assert!(error.to_string().contains("table.csv"), "{error}");
}

#[test]
fn an_output_folder_that_cannot_be_made_is_an_error() {
    let place = Place::new(1);
    fs::write(place.out().root(), "a file").unwrap();
    assert!(matches!(place.try_run(&model(), quick()), Err(CohortError::Io { .. })));
    assert_eq!(fs::read_to_string(place.out().root()).unwrap(), "a file");
    assert_eq!(CaseStatus::Done.name(), "done");
}
