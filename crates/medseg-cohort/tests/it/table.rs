//! The table, and inputs that make no case.

use std::fs;

use medseg_cohort::{CaseStatus, Cohort, CohortFolder, FindOptions, Table, TableRow, find, merge};

use crate::support::{Place, Sum, model, quick, sum};

#[test]
fn a_merge_is_the_same_whoever_did_the_cases_and_however_often() {
    let place = Place::new(12);
    for part in [3, 1, 2] {
        let options = FindOptions::default().with_part(medseg_cohort::Part::new(part, 3).unwrap());
        let found = find(&[place.input()], &options).unwrap();
        Cohort::new(place.out(), model()).with_options(quick()).run(&found, &Sum, |_, input| Ok(sum(&input))).unwrap();
    }
    let table = merge(&place.out()).unwrap();
    assert_eq!((table.rows.len(), table.count(CaseStatus::Done), table.damaged_records), (12, 12, 0));
    let read = |name: &str| fs::read_to_string(place.out().root().join(name)).unwrap();
    let (csv, json) = (read("table.csv"), read("table.json"));
    assert_eq!(merge(&place.out()).unwrap(), table);
    assert_eq!((csv.as_str(), json.as_str()), (read("table.csv").as_str(), read("table.json").as_str()));
    assert_eq!(serde_json::from_str::<Table>(&json).unwrap(), table);
    assert_eq!(csv.lines().count(), 13);
    assert!(csv.starts_with("case,status,input,seconds_read,seconds_process,seconds_write,peak_memory_mib,ml sum,"));
    assert!(csv.contains("\r\nsite_0/case_00,done,"), "{csv}");
    // The tables are no inputs of the next run, and no obstacle.
    assert!(place.run(&model(), quick()).1.is_empty());
    // A damaged record is counted.
    fs::write(place.out().record_path("site_0/case_00"), "{").unwrap();
    let table = merge(&place.out()).unwrap();
    assert_eq!((table.rows.len(), table.damaged_records), (11, 1));
}

#[test]
fn text_of_files_is_quoted_and_no_formula() {
    let mut row = TableRow::new("-2+3", CaseStatus::Failed, "a \"b\",c.nii");
    row.error = Some("=HYPERLINK(\"x\")\nsecond line".into());
    row.warnings = vec!["@x".into(), "y".into()];
    row.volumes_ml.insert("=label".into(), -1.5);
    let csv = Table::new(vec![row]).csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(&reader.headers().unwrap()[7], "ml =label");
    let cells = reader.records().next().unwrap().unwrap();
    assert_eq!(&cells[0], "'-2+3");
    assert_eq!(&cells[2], "a \"b\",c.nii");
    assert_eq!(&cells[7], "-1.5");
    assert_eq!(&cells[8], "'@x; y");
    assert_eq!(&cells[10], "'=HYPERLINK(\"x\")\nsecond line");
}

#[test]
fn inputs_that_make_no_case_are_rows() {
    let place = Place::new(2);
    place.put("a_0000.nii", b"x");
    let options = FindOptions::default().with_channels(medseg_cohort::Channels::Numbered(2));
    let found = find(&[place.input()], &options).unwrap();
    for _ in 0..2 {
        let report = Cohort::new(place.out(), model()).run(&found, &Sum, |_, input| Ok(sum(&input))).unwrap();
        assert_eq!(report.count(CaseStatus::PassedOver), 3);
    }
    let table = merge(&place.out()).unwrap();
    let row = table.rows.iter().find(|row| row.case == "a").unwrap();
    assert_eq!(row.error.as_deref(), Some("1 of 2 channels; the first that is missing has the number 0001"));
    // The second channel came: the case of the same id takes the place of the row.
    place.put("a_0001.nii", b"y");
    let found = find(&[place.input()], &options).unwrap();
    Cohort::new(place.out(), model()).run(&found, &Sum, |_, input| Ok(sum(&input))).unwrap();
    let table = merge(&place.out()).unwrap();
    assert_eq!(table.rows.iter().find(|row| row.case == "a").unwrap().status, CaseStatus::Done);
}

#[test]
fn a_folder_that_is_missing_has_no_table() {
    assert!(merge(&CohortFolder::new("no/such/folder")).is_err());
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(merge(&CohortFolder::new(empty.path())).unwrap().rows.len(), 0);
}
