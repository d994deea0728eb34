//! Rows of scores for each class, tables as CSV and JSON, and the comparison of two methods.

use medseg_metrics::{
    CaseMetrics, Dhw, EmptyPolicy, MetricsError, PairedDifference, ScoreTable, SurfaceDistances, confusion_of_class,
};
use medseg_testing::is_close;
use ndarray::Array3;
use proptest::prelude::*;

fn table(rows: &[(&str, f64)]) -> ScoreTable {
    let mut table = ScoreTable::new(&["case"], &["dice"]).unwrap();
    rows.iter().for_each(|(case, dice)| table.push(&[case], &[*dice]).unwrap());
    table
}

#[test]
fn a_class_scores_as_its_binary_mask_does() {
    let labels = |shift: usize| Array3::from_shape_fn((6, 9, 8), |(d, h, w)| ((d + (h + shift) / 2 + w / 3) % 4) as u8);
    let (predicted, reference) = (labels(1), labels(0));
    let (spacing, empty) = (Dhw::from([2.0, 0.7, 0.9]), EmptyPolicy::ScoreAll);
    let classes = [1, 3, 0, 9];
    let rows =
        CaseMetrics::evaluate_classes(predicted.view(), reference.view(), &classes, spacing, 1.0, empty).unwrap();
    for (row, class) in rows.iter().zip(classes) {
        let binary = |map: &Array3<u8>| map.mapv(|v| u8::from(v == class));
        let (p, r) = (binary(&predicted), binary(&reference));
        let want = CaseMetrics::evaluate_with(p.view(), r.view(), spacing, 1.0, empty).unwrap();
        for ((name, got), want) in CaseMetrics::NAMES.iter().zip(row.values()).zip(want.values()) {
            assert!(is_close(got, want, 0.0, 0.0), "{name} of class {class}: {got}, not {want}");
        }
        let distances = SurfaceDistances::for_class(predicted.view(), reference.view(), class, spacing).unwrap();
        assert_eq!(distances, SurfaceDistances::new(p.view(), r.view(), spacing).unwrap());
        let counts = confusion_of_class(predicted.view(), reference.view(), class).unwrap();
        let difference = counts.volume_difference_ml(spacing).unwrap();
        assert!((difference - (row.volume_ml_predicted - row.volume_ml_reference)).abs() < 1e-12);
    }
    assert_eq!(rows[3].dice, 1.0);
}

#[test]
fn names_are_those_of_the_serialised_row() {
    let mask = Array3::<u8>::ones((2, 2, 2));
    let row = CaseMetrics::evaluate(mask.view(), mask.view(), Dhw::splat(1.0), 1.0).unwrap();
    let json: serde_json::Value = serde_json::to_value(row).unwrap();
    for (name, value) in CaseMetrics::NAMES.iter().zip(row.values()) {
        assert_eq!(json[name].as_f64(), (!value.is_nan()).then_some(value), "{name}");
    }
    assert_eq!(json.as_object().unwrap().len(), CaseMetrics::NAMES.len());
}

#[test]
fn csv_quotes_what_needs_it_and_keeps_every_bit() {
    let rows = [("a,b", 0.1 + 0.2), ("say \"x\"", f64::NAN), ("line\nbreak", f64::INFINITY), ("", 5e-324)];
    let written = table(&rows);
    let read = ScoreTable::read_csv(written.to_csv().unwrap().as_bytes(), &["case"]).unwrap();
    for (row, (case, dice)) in read.rows().iter().zip(rows) {
        assert_eq!(row.keys, [case]);
        assert!(row.scores[0].to_bits() == dice.to_bits() || (row.scores[0].is_nan() && dice.is_nan()));
    }
    assert_eq!(read.rows().len(), rows.len());
}

#[test]
fn csv_of_others_is_read_with_keys_anywhere_and_empty_fields() {
    let text = "dice,case,hd95_mm\n0.5,one,\n 0.75 ,two,inf\n";
    let table = ScoreTable::read_csv(text.as_bytes(), &["case"]).unwrap();
    assert_eq!(table.column("dice").unwrap(), [0.5, 0.75]);
    let distances = table.column("hd95_mm").unwrap();
    assert!(distances[0].is_nan() && distances[1] == f64::INFINITY);
}

#[test]
fn bad_tables_are_errors_that_say_where() {
    let message = |text: &str| ScoreTable::read_csv(text.as_bytes(), &["case"]).unwrap_err().to_string();
    let bad_number = message("case,dice\none,0.5\ntwo,good\n");
    assert!(
        bad_number.contains("line 3") && bad_number.contains("dice") && bad_number.contains("good"),
        "{bad_number}"
    );
    assert!(message("name,dice\none,0.5\n").contains("case"));
    assert!(message("case,dice\none\n").contains("line: 2"));
    assert!(message("case,dice,dice\none,1,2\n").contains("twice"));
    assert!(message("").contains("case"));
    let mut table = table(&[]);
    assert!(matches!(table.push(&["a", "b"], &[0.1]), Err(MetricsError::Table(_))));
    assert!(matches!(table.push(&["a"], &[]), Err(MetricsError::Table(_))));
    assert!(table.column("iou").is_err() && table.only("method", "x").is_err());
}

#[test]
fn json_has_an_object_for_each_row() {
    let text = table(&[("one", 0.5), ("two", f64::NAN), ("three", f64::INFINITY)]).to_json().unwrap();
    let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(rows[0]["case"], "one");
    assert_eq!(rows[0]["dice"], 0.5);
    assert!(rows[1]["dice"].is_null());
    assert_eq!(rows[2]["dice"], "inf");
}

#[test]
fn summaries_are_those_of_the_columns() {
    let table = table(&[("one", 0.5), ("two", 0.7), ("three", f64::NAN)]);
    let summary = &table.summarise(500, 3)[0];
    assert_eq!((summary.summary.count, summary.summary.missing, summary.summary.mean), (2, 1, 0.6));
    let json = serde_json::to_value(summary).unwrap();
    assert_eq!((json["score"].as_str(), json["mean"].as_f64()), (Some("dice"), Some(0.6)));
    assert_eq!(table.only("case", "two").unwrap().column("dice").unwrap(), [0.7]);
}

#[test]
fn methods_are_compared_case_by_case_whatever_the_order() {
    let ours = table(&[("a", 0.9), ("b", 0.8), ("c", 0.7)]);
    let theirs = table(&[("c", 0.6), ("a", 0.9), ("b", f64::NAN)]);
    let difference = ours.compare(&theirs, "case", "dice", 200, 1).unwrap();
    assert_eq!((difference.summary.count, difference.summary.missing), (2, 1));
    assert!((difference.summary.mean - 0.05).abs() < 1e-12);
    let fewer = table(&[("a", 0.9), ("b", 0.8)]);
    for (one, other) in [(&ours, &fewer), (&fewer, &ours)] {
        assert!(one.compare(other, "case", "dice", 10, 1).unwrap_err().to_string().contains("\"c\""));
    }
    let twice = table(&[("a", 0.9), ("a", 0.8)]);
    assert!(twice.compare(&twice, "case", "dice", 10, 1).is_err());
    let unpaired = PairedDifference::new(&[0.1], &[0.1, 0.2], 10, 1);
    assert_eq!(unpaired, Err(MetricsError::UnpairedScores { a: 1, b: 2 }));
}

#[test]
fn pairing_sees_a_difference_that_the_spread_of_cases_hides() {
    // Scores vary by tenths between cases, the methods differ by a hundredth in each.
    let theirs: Vec<f64> = (0..20).map(|i| 0.5 + 0.02 * f64::from((i * 7) % 20)).collect();
    let ours: Vec<f64> = theirs.iter().enumerate().map(|(i, s)| s + 0.01 + 0.001 * (i % 3) as f64).collect();
    let (low, high) = PairedDifference::new(&ours, &theirs, 2000, 5).unwrap().ci95.unwrap();
    assert!(0.01 <= low && low < high && high <= 0.012, "{low} to {high}");
    let swapped = PairedDifference::new(&theirs, &ours, 2000, 5).unwrap();
    assert!(swapped.summary.mean < 0.0 && swapped.ci95.unwrap().1 < 0.0);
}

proptest! {
    #[test]
    fn any_table_survives_csv(rows in prop::collection::vec((".*", prop::num::f64::ANY), 0..8)) {
        let mut table = ScoreTable::new(&["case"], &["score"]).unwrap();
        rows.iter().for_each(|(case, score)| table.push(&[case], &[*score]).unwrap());
        let read = ScoreTable::read_csv(table.to_csv().unwrap().as_bytes(), &["case"]).unwrap();
        prop_assert_eq!(read.rows().len(), rows.len());
        for (row, (case, score)) in read.rows().iter().zip(&rows) {
            prop_assert_eq!(&row.keys[0], case);
            prop_assert!(row.scores[0] == *score || (row.scores[0].is_nan() && score.is_nan()));
        }
    }
}
