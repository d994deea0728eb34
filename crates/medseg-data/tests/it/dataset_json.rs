//! `dataset.json` as the Medical Segmentation Decathlon, nnU-Net and Windows write it.

use std::fs;
use std::path::Path;

use medseg_data::{DataError, DatasetWarning, Split, discover_with_warnings};
use tempfile::TempDir;

use crate::support::{folder, ids, refusal};

fn decathlon() -> TempDir {
    folder(&["imagesTr/a.nii.gz", "imagesTr/b.nii.gz", "labelsTr/a.nii.gz", "labelsTr/b.nii.gz", "imagesTs/c.nii.gz"])
}

fn list(dir: &Path, content: impl AsRef<[u8]>) {
    fs::write(dir.join("dataset.json"), content).unwrap();
}

const DECATHLON: &str = r#"{"name": "Liver", "modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"},
    "numTraining": 2, "numTest": 1,
    "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
                 {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"}],
    "test": ["./imagesTs/c.nii.gz"]}"#;

#[test]
fn the_decathlon_s_and_nnu_net_s_lists_pass() {
    let dir = decathlon();
    list(dir.path(), DECATHLON);
    assert_eq!(discover_with_warnings(dir.path()).unwrap().1, []);

    let dir = folder(&["imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/c_0000.nii.gz"]);
    let new = r#"{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "numTraining": 1,
        "file_ending": ".nii.gz"}"#;
    // The first version's lists leave the channel's number out.
    let old = r#"{"modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"}, "numTraining": 1, "numTest": 1,
        "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
        "test": ["./imagesTs/c.nii.gz"]}"#;
    for content in [new, old] {
        list(dir.path(), content);
        let (cases, warnings) = discover_with_warnings(dir.path()).unwrap();
        assert_eq!((cases.len(), warnings), (2, vec![]));
    }
    list(dir.path(), old.replace("labelsTr/a", "labelsTr/q"));
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, DataError::ListedFile { .. }) && message.contains("labelsTr/q.nii.gz"), "{message}");
}

#[test]
fn a_number_of_cases_that_is_not_that_of_the_files_is_a_warning() {
    let dir = decathlon();
    list(dir.path(), DECATHLON.replace("\"numTraining\": 2", "\"numTraining\": 131"));
    let (cases, warnings) = discover_with_warnings(dir.path()).unwrap();
    assert_eq!(cases.len(), 3);
    assert!(matches!(warnings[..], [DatasetWarning::CaseCount { stated: 131, found: 2, .. }]));
    let text = warnings[0].to_string();
    assert!(text.contains("dataset.json") && text.contains("131") && text.contains('2'), "{text}");
    assert_eq!(ids(dir.path()), ["a", "b", "c"]);
}

#[test]
fn a_byte_order_mark_is_passed_over_and_utf_16_is_named() {
    let dir = decathlon();
    list(dir.path(), format!("\u{feff}{DECATHLON}"));
    assert_eq!(ids(dir.path()), ["a", "b", "c"]);
    let utf16: Vec<u8> = format!("\u{feff}{DECATHLON}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    list(dir.path(), &utf16);
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, DataError::Encoding { encoding: "UTF-16", .. }), "{message}");
    assert!(message.contains("dataset.json") && message.contains("UTF-16"), "{message}");

    let path = dir.path().join("split.json");
    fs::write(&path, "\u{feff}{\"train\": [\"a\"], \"validation\": [\"b\"]}").unwrap();
    assert_eq!(Split::read(&path).unwrap().train, ["a"]);
    fs::write(&path, &utf16).unwrap();
    assert!(Split::read(&path).unwrap_err().to_string().contains("split.json: in UTF-16"));
}

#[test]
fn an_ending_that_is_not_read_is_named() {
    let dir = folder(&["imagesTr/a_0000.png", "labelsTr/a.png"]);
    list(dir.path(), r#"{"channel_names": {"0": "rgb"}, "file_ending": ".png"}"#);
    let (error, message) = refusal(dir.path());
    assert!(matches!(error, DataError::FileEnding { .. }) && message.contains(r#"".png""#), "{message}");
    for ending in [".nrrd", ".mha", ".nii", ".NII.GZ"] {
        let dir = folder(&[&format!("imagesTr/a_0000{ending}"), &format!("labelsTr/a{ending}")]);
        list(dir.path(), format!(r#"{{"channel_names": {{"0": "CT"}}, "file_ending": "{ending}"}}"#));
        assert_eq!(ids(dir.path()), ["a"]);
    }
}
