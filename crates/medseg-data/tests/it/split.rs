//! Rules, lists and the file of a split.

use medseg_data::{Case, Split, SplitRule};
use proptest::prelude::*;

fn case(id: &str, labelled: bool) -> Case {
    Case::new(id, format!("image/{id}.nii"), labelled.then(|| format!("label/{id}.nii").into()))
}

fn numbered(count: usize) -> Vec<Case> {
    (0..count).map(|n| case(&format!("liver_{n:03}"), true)).collect()
}

fn sizes(split: &Split) -> (usize, usize, usize) {
    (split.train.len(), split.validation.len(), split.unused.len())
}

fn refusal(rule: &SplitRule, cases: &[Case]) -> String {
    rule.split(cases).unwrap_err().to_string()
}

#[test]
fn the_experiments_splits_are_the_first_and_next_cases_by_name() {
    let cases = numbered(131);
    let one = SplitRule::one_stage_paper().split(&cases).unwrap();
    assert_eq!(sizes(&one), (78, 26, 27));
    assert_eq!(one.train[77], "liver_077");
    assert_eq!((one.validation[0].as_str(), one.validation[25].as_str()), ("liver_078", "liver_103"));
    assert_eq!(one.unused[0], "liver_104");
    let two = SplitRule::two_stage_paper().split(&cases).unwrap();
    assert_eq!(sizes(&two), (104, 27, 0));
    assert_eq!(two.validation[0], "liver_104");
    let message = refusal(&SplitRule::one_stage_paper(), &numbered(50));
    assert!(message.contains("78") && message.contains("50"), "{message}");
    assert!(refusal(&SplitRule::two_stage_paper(), &numbered(104)).contains("104"));
}

#[test]
fn without_a_rule_prefixes_count_and_else_four_fifths() {
    let named = [case("train_1", true), case("validation_9", true), case("train_2", true), case("test", true)];
    let split = SplitRule::default().split(&named).unwrap();
    assert_eq!(split.train, ["train_1", "train_2"]);
    assert_eq!((split.validation, split.unused), (vec!["validation_9".to_string()], vec!["test".to_string()]));

    for (count, expected) in [(2, (1, 1, 0)), (3, (2, 1, 0)), (5, (4, 1, 0)), (10, (8, 2, 0)), (200, (160, 40, 0))] {
        assert_eq!(sizes(&SplitRule::default().split(&numbered(count)).unwrap()), expected);
    }
    // Ids that begin with `train` only are no split.
    let only = [case("train_1", true), case("train_2", true)];
    assert_eq!(sizes(&SplitRule::default().split(&only).unwrap()), (1, 1, 0));
    assert!(refusal(&SplitRule::default(), &numbered(1)).contains("at least one case each"));
}

#[test]
fn unlabelled_cases_are_never_used() {
    let mut cases = numbered(4);
    cases.insert(1, case("unknown", false));
    let split = SplitRule::default().split(&cases).unwrap();
    assert_eq!(sizes(&split), (3, 1, 1));
    assert_eq!(split.unused, ["unknown"]);
}

#[test]
fn fractions_are_rounded_and_checked() {
    let rule = |train, validation| SplitRule::Fraction { train, validation };
    assert_eq!(sizes(&rule(0.6, Some(0.2)).split(&numbered(10)).unwrap()), (6, 2, 2));
    assert_eq!(sizes(&rule(0.01, Some(0.01)).split(&numbered(10)).unwrap()), (1, 1, 8));
    assert_eq!(sizes(&rule(0.99, None).split(&numbered(10)).unwrap()), (9, 1, 0));
    assert_eq!(sizes(&rule(0.7, Some(0.3)).split(&numbered(3)).unwrap()), (2, 1, 0));
    for (train, validation) in [(0.0, None), (1.0, None), (0.8, Some(0.3)), (f64::NAN, None), (0.5, Some(-0.1))] {
        assert!(refusal(&rule(train, validation), &numbered(10)).contains("parts of a whole"));
    }
}

#[test]
fn prefixes_and_lists_must_name_cases() {
    let rule = |train: &str, validation: &str| SplitRule::Prefix { train: train.into(), validation: validation.into() };
    let cases = [case("a1", true), case("a2", true), case("b1", true), case("c1", true)];
    assert_eq!(sizes(&rule("a", "b").split(&cases).unwrap()), (2, 1, 1));
    assert!(refusal(&rule("a", "x"), &cases).contains("\"x\""));
    assert!(refusal(&rule("a", "a1"), &cases).contains("both"));

    let lists = |train: &[&str], validation: &[&str]| SplitRule::Lists {
        train: train.iter().map(|id| id.to_string()).collect(),
        validation: validation.iter().map(|id| id.to_string()).collect(),
    };
    assert_eq!(sizes(&lists(&["b1"], &["a2", "a1"]).split(&cases).unwrap()), (1, 2, 1));
    assert!(refusal(&lists(&["b1"], &["zz"]), &cases).contains("zz"));
    assert!(refusal(&lists(&["b1", "a1"], &["a1"]), &cases).contains("a1 occurs twice"));
    assert!(refusal(&lists(&[], &["a1"]), &cases).contains("train has no case"));
    assert!(refusal(&lists(&["b1"], &["u"]), &[case("b1", true), case("u", false)]).contains("no label"));
}

#[test]
fn a_split_is_read_as_it_was_written_and_selects_cases() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("split.json");
    let cases = numbered(6);
    let split = SplitRule::FirstN { train: 3, validation: Some(2) }.split(&cases).unwrap();
    split.write(&path).unwrap();
    assert_eq!(Split::read(&path).unwrap(), split);
    let (train, validation) = split.select(&cases).unwrap();
    assert_eq!(train, cases[..3].iter().collect::<Vec<_>>());
    assert_eq!(validation, cases[3..5].iter().collect::<Vec<_>>());
    assert!(split.select(&cases[1..]).unwrap_err().to_string().contains("liver_000"));

    std::fs::write(&path, r#"{"train": ["a"], "validation": ["b"]}"#).unwrap();
    assert_eq!(Split::read(&path).unwrap().unused, Vec::<String>::new());
    for bad in ["", "{}", r#"{"train": ["a"], "validation": 3}"#, r#"{"train": [], "validation": [], "tset": []}"#] {
        std::fs::write(&path, bad).unwrap();
        assert!(Split::read(&path).unwrap_err().to_string().contains("split.json"), "{bad}");
    }
    std::fs::remove_file(&path).unwrap();
    assert!(Split::read(&path).unwrap_err().to_string().contains("split.json"));
    assert!(split.write(dir.path().join("no/split.json")).unwrap_err().to_string().contains("no/split.json"));
}

#[test]
fn rules_are_read_from_json() {
    let read = |text: &str| serde_json::from_str::<SplitRule>(text);
    assert_eq!(read(r#""automatic""#).unwrap(), SplitRule::Automatic);
    assert_eq!(read(r#"{"first_n": {"train": 104}}"#).unwrap(), SplitRule::two_stage_paper());
    assert_eq!(
        read(r#"{"k_fold": {"folds": 5, "fold": 0, "seed": 7}}"#).unwrap(),
        SplitRule::KFold { folds: 5, fold: 0, seed: 7 }
    );
    assert_eq!(
        read(r#"{"random": {"train": 0.8, "seed": 3}}"#).unwrap(),
        SplitRule::Random { train: 0.8, validation: None, seed: 3 }
    );
    assert_eq!(read(r#"{"file": {"path": "s.json"}}"#).unwrap(), SplitRule::File { path: "s.json".into() });
    assert!(read(r#"{"first_n": {"trian": 104}}"#).is_err());
}

#[test]
fn a_file_must_fit_the_cases() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("split.json");
    let rule = SplitRule::File { path: path.clone() };
    let cases = [case("a", true), case("b", true), case("c", true), case("u", false)];
    let split = |text: &str| {
        std::fs::write(&path, text).unwrap();
        rule.split(&cases)
    };
    let by_hand = split(r#"{"train": ["c"], "validation": ["a"]}"#).unwrap();
    assert_eq!((sizes(&by_hand), by_hand.unused), ((1, 1, 2), vec!["b".to_string(), "u".to_string()]));
    let whole = split(r#"{"version": 1, "train": ["c"], "validation": ["a"], "unused": ["u", "b"]}"#).unwrap();
    assert_eq!(whole.unused, ["u", "b"]);
    for (text, part) in [
        (r#"{"train": ["c"], "validation": ["x"]}"#, "x, which is no case"),
        (r#"{"train": ["c", "c"], "validation": ["a"]}"#, "c occurs twice"),
        (r#"{"train": ["c"], "validation": ["u"]}"#, "u, which has no label"),
        (r#"{"train": ["c"], "validation": ["a"], "unused": ["u"]}"#, "the case b is in none of the lists"),
        (r#"{"version": 2, "training": ["c"]}"#, "version 2"),
        (r#"{"version": 1, "train": ["c"]}"#, "validation"),
    ] {
        let message = split(text).unwrap_err().to_string();
        assert!(message.contains(part) && message.contains("split.json"), "{message}");
    }
    whole.write(&path).unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"version\": 1"));
    assert_eq!(rule.split(&cases).unwrap(), whole);
}

#[test]
fn a_random_split_depends_on_its_seed_alone_and_keeps_the_order() {
    let cases = numbered(40);
    let split = |seed| SplitRule::Random { train: 0.75, validation: Some(0.1), seed }.split(&cases).unwrap();
    let one = split(1);
    assert_eq!((sizes(&one), &one), ((30, 4, 6), &split(1)));
    assert!(one.train.is_sorted() && one.validation.is_sorted() && one != split(2));
    assert!(refusal(&SplitRule::Random { train: 1.0, validation: None, seed: 0 }, &cases).contains("parts of a whole"));
}

#[test]
fn impossible_folds_are_refused() {
    assert!(SplitRule::stratified_folds(&numbered(3), 4, 0, |_| 0).is_err());
    for (folds, fold) in [(0, 0), (1, 0), (5, 5), (11, 0)] {
        let rule = SplitRule::KFold { folds, fold, seed: 0 };
        assert!(refusal(&rule, &numbered(10)).contains("not possible"), "{folds} {fold}");
    }
}

proptest! {
    #[test]
    fn folds_cover_every_case_once(count in 2usize..60, folds in 2usize..8, seed: u64) {
        prop_assume!(folds <= count);
        let cases = numbered(count);
        let mut validated = Vec::new();
        for fold in 0..folds {
            let split = SplitRule::KFold { folds, fold, seed }.split(&cases).unwrap();
            prop_assert_eq!(split.train.len() + split.validation.len(), count);
            prop_assert!(split.validation.len().abs_diff(count / folds) <= 1);
            prop_assert!(split.train.is_sorted() && split.validation.is_sorted());
            validated.extend(split.validation);
        }
        validated.sort();
        let all: Vec<String> = cases.into_iter().map(|case| case.id).collect();
        prop_assert_eq!(validated, all);
    }

    /// Every case validates once, and neither a fold nor a kind in it is larger than elsewhere by more than one.
    #[test]
    fn stratified_folds_spread_every_kind(count in 2usize..60, folds in 2usize..8, kinds in 1usize..5, seed: u64) {
        prop_assume!(folds <= count);
        let cases = numbered(count);
        let kind = |id: &str| id.bytes().map(usize::from).sum::<usize>() % kinds;
        let splits = SplitRule::stratified_folds(&cases, folds, seed, |case| kind(&case.id)).unwrap();
        for wanted in 0..kinds {
            let of_kind = |split: &Split| split.validation.iter().filter(|id| kind(id) == wanted).count();
            let counts: Vec<usize> = splits.iter().map(of_kind).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }
        let mut validated: Vec<String> = splits.iter().flat_map(|split| split.validation.clone()).collect();
        validated.sort();
        prop_assert_eq!(validated, cases.into_iter().map(|case| case.id).collect::<Vec<_>>());
    }
}

#[test]
fn ids_in_a_file_are_the_cases_in_either_form_of_unicode() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.json");
    std::fs::write(&path, "{\"train\": [\"u\u{308}\"], \"validation\": [\"b\"]}").unwrap();
    let cases = ["\u{fc}", "b", "c"].map(|id| case(id, true));
    let split = Split::read_for(&path, &cases).unwrap();
    assert_eq!((split.train, split.unused), (vec!["\u{fc}".to_string()], vec!["c".to_string()]));
}
