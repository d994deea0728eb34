//! Splits that keep groups of cases together.

use std::collections::{BTreeMap, BTreeSet};

use medseg_data::{Case, Grouping, Split, SplitRule};
use proptest::prelude::*;

fn case(id: &str, labelled: bool) -> Case {
    Case::new(id, format!("image/{id}.nii"), labelled.then(|| format!("label/{id}.nii").into()))
}

/// Two frames of each of `patients`.
fn frames(patients: usize) -> Vec<Case> {
    (0..patients).flat_map(|p| ["ed", "es"].map(|frame| case(&format!("patient{p:03}_{frame}"), true))).collect()
}

fn patients() -> Grouping {
    Grouping::Pattern("patient([0-9]+)".into())
}

fn of(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(|id| &id[..10]).collect()
}

fn check(split: &Split) {
    assert!(of(&split.train).is_disjoint(&of(&split.validation)), "{split:?}");
}

#[test]
fn every_rule_that_counts_or_draws_keeps_patients_together() {
    let cases = frames(40);
    for rule in [
        SplitRule::Automatic,
        SplitRule::Fraction { train: 0.81, validation: None },
        SplitRule::Random { train: 0.5, validation: Some(0.3), seed: 3 },
        SplitRule::FirstN { train: 13, validation: Some(7) },
        SplitRule::KFold { folds: 7, fold: 2, seed: 9 },
    ] {
        let split = patients().split(&rule, &cases).unwrap();
        check(&split);
        assert!([&split.train, &split.validation].iter().all(|ids| ids.len().is_multiple_of(2)), "{rule:?}");
        assert_eq!(split.train.len() + split.validation.len() + split.unused.len(), 80);
    }
    // Without groups, one fold in seven cuts a patient.
    let cut = SplitRule::KFold { folds: 7, fold: 2, seed: 9 }.split(&cases).unwrap();
    assert!(!of(&cut.train).is_disjoint(&of(&cut.validation)));
}

#[test]
fn lists_that_cut_a_patient_are_refused_by_name() {
    let cases = frames(2);
    let lists = |train: &[&str], validation: &[&str]| SplitRule::Lists {
        train: train.iter().map(ToString::to_string).collect(),
        validation: validation.iter().map(ToString::to_string).collect(),
    };
    patients().split(&lists(&["patient000_ed", "patient000_es"], &["patient001_es"]), &cases).unwrap();
    let error = patients().split(&lists(&["patient000_ed"], &["patient000_es"]), &cases).unwrap_err().to_string();
    assert!(error.contains("patient000_ed") && error.contains("patient000_es"), "{error}");
    let named = [case("train_a1", true), case("validation_a1", true)];
    let error = Grouping::Pattern("a[0-9]$".into()).split(&SplitRule::Automatic, &named).unwrap_err().to_string();
    assert!(error.contains("train_a1"), "{error}");
}

#[test]
fn a_case_without_a_match_is_alone_and_bad_patterns_are_refused() {
    let cases = [case("patient1_a", true), case("other", true), case("patient1_b", true)];
    assert_eq!(patients().groups(&cases).unwrap(), ["1", "other", "1"]);
    assert_eq!(Grouping::Pattern("patient[0-9]".into()).groups(&cases).unwrap()[0], "patient1");
    for pattern in ["(", "a{1000}{1000}{1000}"] {
        let error = Grouping::Pattern(pattern.into()).groups(&cases).unwrap_err().to_string();
        assert!(error.contains("pattern"), "{error}");
    }
}

#[test]
fn a_table_names_every_case_once() {
    let dir = tempfile::tempdir().unwrap();
    let cases = frames(3);
    let table = |text: &str| {
        let path = dir.path().join("groups.csv");
        std::fs::write(&path, text).unwrap();
        Grouping::Table(path)
    };
    let all = |last: &str| {
        let rows = cases.iter().map(|c| format!("{}, {}\n", c.id, &c.id[..10]));
        format!("\u{feff}case,group\n{}{last}", rows.collect::<String>())
    };
    let rule = SplitRule::KFold { folds: 3, fold: 0, seed: 1 };
    let split = table(&all("")).split(&rule, &cases).unwrap();
    assert_eq!(split, patients().split(&rule, &cases).unwrap());
    let error = |text: &str| table(text).split(&rule, &cases).unwrap_err().to_string();
    assert!(error(&all("patient000_ed,x\n")).contains("twice"));
    assert!(error("case,group\npatient000_ed,x\n").contains("patient000_es"));
    assert!(error("case,group\nonly\n").contains("groups.csv"));
    assert!(Grouping::Table(dir.path().join("none.csv")).groups(&cases).unwrap_err().to_string().contains("none.csv"));
}

#[test]
fn unlabelled_cases_stay_unused_though_their_patient_trains() {
    let mut cases = frames(4);
    cases.push(case("patient000_x", false));
    let split = patients().split(&SplitRule::KFold { folds: 2, fold: 1, seed: 0 }, &cases).unwrap();
    assert_eq!(split.unused, ["patient000_x"]);
    check(&split);
}

proptest! {
    #[test]
    fn folds_validate_every_case_once(sizes in prop::collection::vec(1usize..5, 2..20), seed: u64) {
        let ids = sizes.iter().enumerate().flat_map(|(p, n)| (0..*n).map(move |k| format!("patient{p:03}_{k}")));
        let cases: Vec<Case> = ids.map(|id| case(&id, true)).collect();
        let folds = 2 + seed as usize % (sizes.len() - 1);
        let mut times = BTreeMap::new();
        for fold in 0..folds {
            let split = patients().split(&SplitRule::KFold { folds, fold, seed }, &cases).unwrap();
            check(&split);
            prop_assert_eq!(split.train.len() + split.validation.len(), cases.len());
            split.validation.into_iter().for_each(|id| *times.entry(id).or_insert(0) += 1);
        }
        prop_assert!(times.len() == cases.len() && times.values().all(|n| *n == 1));
    }
}
