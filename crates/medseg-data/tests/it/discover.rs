//! Finding cases in folders, good and bad ones.

use std::fs;
use std::path::Path;

use medseg_data::discover;
use tempfile::tempdir;

use crate::support::{folder, ids};

fn refusal(dir: &Path) -> String {
    crate::support::refusal(dir).1
}

#[test]
fn image_and_label_folders_are_paired_by_name_and_sorted() {
    let dir = folder(&[
        "image/b.nii.gz",
        "image/a.nii",
        "image/c-1.nii.gz",
        "image/c.nii.gz",
        "label/c.nii",
        "label/c-1.nii.gz",
        "label/b.nii.gz",
        "label/a.nii.gz",
        "image/._a.nii",
        "image/.hidden.nii.gz",
        "label/.DS_Store",
        "image/notes.txt",
    ]);
    // By file name, as a directory listing sorts: "c-1.nii.gz" comes before "c.nii.gz".
    assert_eq!(ids(dir.path()), ["a", "b", "c-1", "c"]);
    for case in discover(dir.path()).unwrap() {
        assert!(case.image.is_file() && case.label.unwrap().is_file());
    }
}

#[test]
fn plural_folders_are_read_too() {
    let dir = folder(&["images/a.nii.gz", "labels/a.nii.gz"]);
    assert_eq!(ids(dir.path()), ["a"]);
}

#[test]
fn the_decathlon_layout_gives_labelled_then_unlabelled_cases() {
    let dir = folder(&[
        "imagesTr/liver_10.nii.gz",
        "imagesTr/liver_2.nii.gz",
        "imagesTr/._liver_2.nii.gz",
        "labelsTr/liver_2.nii.gz",
        "labelsTr/liver_10.nii.gz",
        "imagesTs/liver_132.nii.gz",
        "imagesTs/liver_131.nii.gz",
    ]);
    let listing = r#"{"labels": {"0": "background", "1": "liver"},
        "training": [{"image": "./imagesTr/liver_10.nii.gz", "label": "./labelsTr/liver_10.nii.gz"},
                     {"image": "./imagesTr/liver_2.nii.gz", "label": "./labelsTr/liver_2.nii.gz"}],
        "test": ["./imagesTs/liver_131.nii.gz", "./imagesTs/liver_132.nii.gz"]}"#;
    fs::write(dir.path().join("dataset.json"), listing).unwrap();
    let cases = discover(dir.path()).unwrap();
    let labelled: Vec<_> = cases.iter().map(|c| (c.id.as_str(), c.label.is_some())).collect();
    assert_eq!(labelled, [("liver_10", true), ("liver_2", true), ("liver_131", false), ("liver_132", false)]);

    fs::remove_file(dir.path().join("dataset.json")).unwrap();
    assert_eq!(discover(dir.path()).unwrap(), cases);
}

#[test]
fn the_original_lits_names_count_as_the_same() {
    let dir =
        folder(&["image/volume-0.nii", "image/volume-10.nii", "label/segmentation-0.nii", "label/segmentation-10.nii"]);
    let cases = discover(dir.path()).unwrap();
    assert_eq!(cases[1].id, "volume-10");
    assert!(cases[1].label.as_ref().unwrap().ends_with("segmentation-10.nii"));
}

#[test]
fn a_missing_partner_names_the_lone_file_and_the_folder() {
    let dir = folder(&["image/a.nii.gz", "image/b.nii.gz", "label/a.nii.gz"]);
    let message = refusal(dir.path());
    assert!(message.contains("b.nii.gz") && message.contains("label"), "{message}");

    let dir = folder(&["image/a.nii.gz", "label/z.nii.gz", "label/a.nii.gz"]);
    let message = refusal(dir.path());
    assert!(message.contains("z.nii.gz") && message.contains("image"), "{message}");
}

#[test]
fn missing_and_empty_folders_are_named() {
    let dir = tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    assert!(refusal(&nowhere).contains("nowhere: no such folder"));
    assert!(refusal(dir.path()).contains("neither image/"));

    fs::create_dir(dir.path().join("image")).unwrap();
    let message = refusal(dir.path());
    assert!(message.contains("label: no such folder"), "{message}");
    fs::create_dir(dir.path().join("label")).unwrap();
    let message = refusal(dir.path());
    assert!(message.contains("image: no .nii"), "{message}");

    let file = folder(&["image"]);
    assert!(refusal(&file.path().join("image")).contains("no such folder"));
    let only_labels = folder(&["labelsTr/a.nii"]);
    assert!(refusal(only_labels.path()).contains("imagesTr: no such folder"));
}

#[test]
fn two_files_of_one_case_are_refused() {
    for files in [["image/a.nii", "image/a.nii.gz", "label/a.nii"], ["image/a.nii", "label/a.nii.gz", "label/a.nii"]] {
        let dir = folder(&files);
        let message = refusal(dir.path());
        assert!(message.contains("a.nii.gz") && message.contains("one case"), "{message}");
    }
    let dir = folder(&["imagesTr/a.nii", "labelsTr/a.nii", "imagesTs/a.nii"]);
    assert!(refusal(dir.path()).contains("imagesTs"));
    let dir = folder(&["imagesTr/a.nii", "labelsTr/a.nii", "imagesTs/b.nii", "imagesTs/b.nii.gz"]);
    assert!(refusal(dir.path()).contains("b.nii.gz"));
    let dir = folder(&["image/a.nii", "image/a.mha", "label/a.nii"]);
    assert!(refusal(dir.path()).contains("a.mha"));
}

#[test]
fn every_volume_of_one_file_is_a_case_and_its_voxels_are_none() {
    let dir = folder(&[
        "images/a.nrrd",
        "images/b.NHDR",
        "images/b.raw.gz",
        "images/c.mha",
        "images/d.mhd",
        "images/d.zraw",
        "images/d.raw",
        "images/e.Nii.GZ",
        "labels/a.nii.gz",
        "labels/b.nhdr",
        "labels/b.raw",
        "labels/c.nrrd",
        "labels/d.mha",
        "labels/e.nii",
    ]);
    assert_eq!(ids(dir.path()), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_list_that_names_a_missing_file_or_is_no_json_is_refused() {
    let dir = folder(&["imagesTr/a.nii.gz", "labelsTr/a.nii.gz"]);
    let listing = dir.path().join("dataset.json");
    let lists = [
        r#"{"training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/q.nii.gz"}]}"#,
        r#"{"training": [], "test": ["imagesTs/q.nii.gz"]}"#,
        r#"{"test": [{"image": "imagesTs/q.nii.gz"}]}"#,
    ];
    for list in lists {
        fs::write(&listing, list).unwrap();
        let message = refusal(dir.path());
        assert!(message.contains("dataset.json") && message.contains("q.nii.gz"), "{message}");
    }
    fs::write(&listing, "{ nothing").unwrap();
    assert!(refusal(dir.path()).contains("dataset.json"));
    // Other shapes of that file (as nnU-Net writes it) tell nothing about the files.
    fs::write(&listing, r#"{"numTraining": 1, "training": 7, "file_ending": ".nii.gz"}"#).unwrap();
    assert_eq!(ids(dir.path()), ["a"]);
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_broken_ones_named() {
    let dir = folder(&["store/x", "label/a.nii", "image/keep.txt"]);
    let link = dir.path().join("image/a.nii");
    std::os::unix::fs::symlink(dir.path().join("store/x"), &link).unwrap();
    assert_eq!(ids(dir.path()), ["a"]);
    fs::remove_file(dir.path().join("store/x")).unwrap();
    assert!(refusal(dir.path()).contains("a.nii"));
}
