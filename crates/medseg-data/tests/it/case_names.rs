//! Names that Unicode composes in two ways, as macOS and other systems store them.

use std::fs;

use medseg_data::{Case, DataError, discover};

use crate::support::{folder, ids, names, refusal};

/// `ü` as one character, and as `u` with a mark.
const COMPOSED: &str = "leber_\u{fc}";
const DECOMPOSED: &str = "leber_u\u{308}";

#[test]
fn composed_and_decomposed_names_are_one() {
    for (image, label) in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED)] {
        let dir = folder(&[&format!("image/{image}.nii.gz"), &format!("label/{label}.NII")]);
        let cases = discover(dir.path()).unwrap();
        assert_eq!((cases.len(), cases[0].id.as_str()), (1, COMPOSED));
        assert!(cases[0].image.is_file() && cases[0].label.as_ref().unwrap().is_file());

        let dir = folder(&[
            &format!("imagesTr/{image}_0000.nii.gz"),
            &format!("imagesTr/{label}_0001.nii.gz"),
            &format!("labelsTr/{label}.nii.gz"),
            &format!("imagesTs/{image}_2_0000.nii.gz"),
            &format!("imagesTs/{label}_2_0001.nii.gz"),
        ]);
        assert_eq!(ids(dir.path()), [COMPOSED.to_string(), format!("{COMPOSED}_2")]);
        for case in discover(dir.path()).unwrap() {
            assert!(case.images().count() == 2 && case.images().all(|path| path.is_file()));
        }
        // The list may have the other names.
        let list = format!(
            r#"{{"training": [{{"image": "./imagesTr/{label}.nii.gz", "label": "./labelsTr/{image}.nii.gz"}}]}}"#
        );
        fs::write(dir.path().join("dataset.json"), list).unwrap();
        assert_eq!(ids(dir.path()).len(), 2);
    }
    let case = Case::unlabelled(format!("folder/{DECOMPOSED}.nii.gz")).unwrap();
    assert_eq!(case.id, COMPOSED);
}

#[test]
fn the_order_does_not_depend_on_composition() {
    let order = |name: &str| {
        let files: Vec<String> = [name, "leber_u", "leber_z"]
            .iter()
            .flat_map(|stem| [format!("image/{stem}.nii"), format!("label/{stem}.nii")])
            .collect();
        ids(folder(&files.iter().map(String::as_str).collect::<Vec<_>>()).path())
    };
    assert_eq!(order(COMPOSED), ["leber_u", "leber_z", COMPOSED]);
    assert_eq!(order(DECOMPOSED), order(COMPOSED));
}

#[test]
fn two_files_that_differ_in_composition_alone_are_refused_with_the_difference() {
    let (a, b) = (COMPOSED, DECOMPOSED);
    for files in [
        [format!("image/{a}.nii"), format!("image/{b}.nii"), format!("label/{a}.nii")],
        [format!("image/{a}.nii"), format!("label/{a}.nii"), format!("label/{b}.nii.gz")],
        [format!("imagesTr/{a}.nii"), format!("labelsTr/{a}.nii"), format!("imagesTs/{b}.nii")],
    ] {
        let dir = folder(&files.each_ref().map(String::as_str));
        let (error, message) = refusal(dir.path());
        assert!(matches!(error, DataError::DuplicateCase { .. }), "{message}");
        assert!(message.contains("differ only in how Unicode composes letters"), "{message}");
        assert!(message.contains(r"\u{fc}") && message.contains(r"u\u{308}"), "{message}");
    }
    // Names of other letters are two cases.
    let dir = folder(&["image/ü.nii", "image/u.nii", "label/ü.nii", "label/u.nii"]);
    assert_eq!(ids(dir.path()), ["u", "ü"]);
    assert_eq!(names(&discover(dir.path()).unwrap()[1]).1, ["ü.nii"]);
}
