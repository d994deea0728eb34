//! Cases are done again exactly if something changed.

use std::fs;

use medseg_cohort::{CaseStatus, Cohort, FindOptions, RunIdentity, Verify, find};

use crate::support::{Place, Sum, model, quick, sum};

const ONE: &str = "site_1/case_01";

#[test]
fn an_untouched_cohort_is_skipped_and_its_files_stay() {
    let place = Place::new(5);
    let (report, worked) = place.run(&model(), quick());
    assert_eq!((report.count(CaseStatus::Done), worked.len()), (5, 5));
    let before = place.outputs();
    assert_eq!(before[std::path::Path::new("site_1/case_01.sum.txt")], b"2002");
    for verify in [Verify::Times, Verify::Content] {
        let (report, worked) = place.run(&model(), quick().with_verify(verify));
        assert_eq!((report.count(CaseStatus::Skipped), worked.len()), (5, 0));
        assert!(report.is_complete());
        // A row of before has its volume.
        assert_eq!(report.table.rows[0].volumes_ml["sum"], 1000.0);
    }
    assert_eq!(before, place.outputs());
}

#[test]
fn a_changed_input_model_option_or_output_is_done_again() {
    let place = Place::new(5);
    place.run(&model(), quick());
    let again = |identity: &RunIdentity| place.run(identity, quick()).1;

    // As long as before, and with the time of before.
    let path = place.input().join("site_1/case_01.nii");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[500] += 1;
    fs::write(&path, bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(again(&model()), [ONE]);
    assert_eq!(fs::read(place.out().root().join("site_1/case_01.sum.txt")).unwrap(), b"2003");

    let output = place.out().root().join("site_1/case_01.large.bin");
    let content = fs::read(&output).unwrap();
    fs::write(&output, "shorter").unwrap();
    assert_eq!(again(&model()), [ONE]);
    fs::write(&output, vec![0; content.len()]).unwrap();
    assert_eq!(again(&model()), [ONE]);
    fs::remove_file(&output).unwrap();
    assert_eq!(again(&model()), [ONE]);
    assert_eq!(fs::read(&output).unwrap(), content);

    assert_eq!(again(&model()).len(), 0);
    assert_eq!(again(&model().with_option("mirror", true)).len(), 5);
    assert_eq!(again(&model().with_option("mirror", true)).len(), 0);
    assert_eq!(again(&model().with_option("mirror", false)).len(), 5);
    assert_eq!(again(&RunIdentity::new("model 2")).len(), 5);
    // Another version of the program is noted and no reason by itself.
    assert_eq!(again(&RunIdentity::new("model 2").with_program("medseg 9")).len(), 0);
}

#[test]
fn a_file_of_somebody_else_stays_and_the_case_fails() {
    let place = Place::new(3);
    let foreign = place.out().root().join("site_1/case_01.sum.txt");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "an image").unwrap();
    for _ in 0..2 {
        let (report, _) = place.run(&model(), quick());
        assert_eq!((report.count(CaseStatus::Failed), report.is_complete()), (1, false));
        assert_eq!(fs::read(&foreign).unwrap(), b"an image");
    }
    let error = place.run(&model(), quick()).0.table.rows.into_iter().find_map(|row| row.error).unwrap();
    assert!(error.contains("case_01.sum.txt") && error.contains("not replaced"), "{error}");
    fs::remove_file(&foreign).unwrap();
    assert!(place.run(&model(), quick()).0.is_complete());
    assert_eq!(fs::read(&foreign).unwrap(), b"2002");
}

#[test]
fn files_of_an_earlier_success_are_replaced_after_a_failure_in_between() {
    let place = Place::new(3);
    place.run(&model(), quick());
    let image = place.input().join("site_1/case_01.nii");
    let mut other = fs::read(&image).unwrap();
    other[500] += 1;
    fs::write(&image, other).unwrap();
    let found = find(&[place.input()], &FindOptions::default().with_output(place.out().root())).unwrap();
    let failing = Cohort::new(place.out(), model()).with_options(quick());
    let report = failing.run(&found, &Sum, |_, _| Err("no memory".into())).unwrap();
    assert_eq!((report.count(CaseStatus::Failed), report.count(CaseStatus::Skipped)), (1, 2));
    assert!(place.run(&model(), quick()).0.is_complete());
    assert_eq!(fs::read(place.out().root().join("site_1/case_01.sum.txt")).unwrap(), b"2003");
}

#[test]
fn a_copy_with_other_times_is_not_done_again() {
    let place = Place::new(3);
    place.run(&model(), quick());
    for path in ["in/site_0/case_00.nii", "out/site_0/case_00.sum.txt"].map(|path| place.folder.path().join(path)) {
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, content).unwrap();
    }
    assert_eq!(place.run(&model(), quick()).1.len(), 0);
}

#[test]
fn a_damaged_or_foreign_record_is_done_again() {
    let place = Place::new(2);
    place.run(&model(), quick());
    let path = place.out().record_path("site_0/case_00");
    let text = fs::read_to_string(&path).unwrap();
    for damaged in
        ["", "{", "null", &text.replace("\"schema\": 1", "\"schema\": 99"), &text.replace("case_00", "case_01")]
    {
        assert_ne!(damaged, text);
        fs::write(&path, damaged).unwrap();
        assert_eq!(place.run(&model(), quick()).1, ["site_0/case_00"], "{damaged}");
    }
    // Every byte changed in turn is either harmless or a reason, and never a panic.
    for at in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(place.run(&model(), quick()).0.is_complete());
    }
}

#[test]
fn an_output_that_is_no_longer_made_is_removed() {
    struct Short;
    impl medseg_cohort::CaseFiles for Short {
        type Input = Vec<u8>;
        type Output = u64;
        fn endings(&self) -> Vec<String> {
            Sum.endings()
        }
        fn read(&self, case: &medseg_cohort::Case) -> Result<Vec<u8>, medseg_cohort::CaseError> {
            Sum.read(case)
        }
        fn write(
            &self,
            _case: &medseg_cohort::Case,
            sum: u64,
            staging: &medseg_cohort::Staging,
        ) -> Result<medseg_cohort::CaseSummary, medseg_cohort::CaseError> {
            fs::write(staging.file(".sum.txt"), sum.to_string())?;
            Ok(medseg_cohort::CaseSummary::default())
        }
    }
    let place = Place::new(2);
    place.run(&model(), quick());
    // A record that was made to name a stranger's file.
    let stranger = place.out().root().join("site_0/precious.txt");
    fs::write(&stranger, "x").unwrap();
    let record = place.out().record_path("site_0/case_00");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("site_0/case_00.large.bin", "site_0/precious.txt")).unwrap();
    let found = find(&[place.input()], &FindOptions::default()).unwrap();
    let identity = model().with_option("large", false);
    let report = Cohort::new(place.out(), identity).run(&found, &Short, |_, input| Ok(sum(&input))).unwrap();
    assert!(report.is_complete() && stranger.exists());
    assert!(!place.out().root().join("site_1/case_01.large.bin").exists());
}
