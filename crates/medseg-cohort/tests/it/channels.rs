//! nnU-Net's names of channels.

use std::fs;

use medseg_cohort::{Channels, CohortError, FindOptions, PassedOverCause, find};

fn place(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    folder
}

#[test]
fn numbered_files_are_one_case_and_incomplete_ones_are_named() {
    let folder = place(&[
        "s/a_0000.nii.gz",
        "s/a_0001.nii.gz",
        "b_0000.nii.gz",
        "c_0000.nii",
        "c_0001.nii",
        "c_0002.nii",
        "d.nii",
    ]);
    let options = FindOptions::default().with_channels(Channels::Numbered(2));
    let found = find(&[folder.path()], &options).unwrap();
    assert_eq!(found.cases.len(), 1);
    assert_eq!(found.cases[0].id, "s/a");
    let files = ["s/a_0000.nii.gz", "s/a_0001.nii.gz"].map(|name| folder.path().join(name));
    assert_eq!(found.cases[0].files(), files);
    let over: Vec<_> = found.passed_over.iter().map(|input| (input.id.as_str(), input.reason.clone())).collect();
    let missing = PassedOverCause::MissingChannel { found: 1, needed: 2, missing: 1 };
    assert_eq!(over, [("b", missing.clone()), ("c", PassedOverCause::SurplusChannel(2)), ("d", missing)]);
    // A model of one channel takes names with and without the number, and no number otherwise.
    let one = place(&["a_0000.nii", "b.nii"]);
    let options = FindOptions::default().with_channels(Channels::Numbered(1));
    let ids = |options: &FindOptions| {
        find(&[one.path()], options).unwrap().cases.into_iter().map(|case| case.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&options), ["a", "b"]);
    assert_eq!(ids(&FindOptions::default()), ["a_0000", "b"]);
}

#[test]
fn two_files_of_one_channel_are_an_error() {
    let folder = place(&["a_0000.nii", "a_0000.nii.gz", "a_0001.nii"]);
    let error = find(&[folder.path()], &FindOptions::default().with_channels(Channels::Numbered(2))).unwrap_err();
    assert!(matches!(error, CohortError::SameId { .. }), "{error}");
}

#[test]
fn a_file_without_a_number_may_hold_all_channels() {
    let names = ["a_0000.nii", "a_0001.nii", "b_0000.nii", "s/c.nii.gz", "d.nii"];
    let folder = place(&names);
    let options = FindOptions::default().with_channels(Channels::NumberedOrTogether(2));
    let found = find(&[folder.path()], &options).unwrap();
    let cases: Vec<_> = found.cases.iter().map(|case| (case.id.as_str(), case.files().len())).collect();
    assert_eq!(cases, [("a", 2), ("d", 1), ("s/c", 1)]);
    let over: Vec<_> = found.passed_over.iter().map(|input| input.id.as_str()).collect();
    assert_eq!(over, ["b"]);
    for second in ["a.nii", "d.nii.gz"] {
        let folder = place(&[&names[..], &[second]].concat());
        let error = find(&[folder.path()], &options).unwrap_err();
        assert!(matches!(error, CohortError::SameId { .. }), "{second}: {error}");
    }
}
