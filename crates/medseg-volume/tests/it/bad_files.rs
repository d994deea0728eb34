//! Files that are broken, cut or hostile give an error that names them, and never a panic or much memory.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::read_image;

fn golden(folder: &str) -> PathBuf {
    Path::new("tests/golden").join(folder)
}

#[test]
fn every_known_defect_is_met_as_expected() {
    let list: serde_json::Value = serde_json::from_slice(&fs::read(golden("bad/expected.json")).unwrap()).unwrap();
    let files = list["files"].as_array().unwrap();
    assert!(files.len() >= 20);
    for entry in files {
        let name = entry["file"].as_str().unwrap();
        let path = golden("bad").join(name);
        match (entry["expect"].as_str().unwrap(), read_image(&path)) {
            ("error", Ok(_)) => panic!("{name} was read"),
            (_, Err(error)) => {
                let text = error.to_string();
                assert!(text.contains(name) && !text.contains('\n'), "{text}");
            }
            ("error_or_empty", Ok(volume)) => assert_eq!(volume.data.len(), 0, "{name}"),
            ("error_or_fallback", Ok(volume)) => {
                assert!(volume.geometry.affine().iter().flatten().all(|v| v.is_finite()), "{name}");
            }
            ("ok_or_error", Ok(volume)) => assert_eq!(volume.data.dim(), (7, 6, 5), "{name}"),
            (other, Ok(_)) => panic!("{name}: unknown expectation {other}"),
        }
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no.nii.gz");
    for path in [missing.as_path(), dir.path()] {
        let error = read_image(path).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
}
