//! Folders of files whose contents do not matter.

use std::fs;
use std::path::Path;

use medseg_data::{Case, DataError, discover};
use medseg_volume::error_chain;
use tempfile::{TempDir, tempdir};

/// A folder with these files.
pub fn folder(files: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
    dir
}

/// The ids of the cases found.
pub fn ids(dir: &Path) -> Vec<String> {
    discover(dir).unwrap().into_iter().map(|case| case.id).collect()
}

/// The error of a folder, and its message.
pub fn refusal(dir: &Path) -> (DataError, String) {
    let error = discover(dir).unwrap_err();
    let message = error_chain(&error);
    (error, message)
}

/// The names of a case's files: id, images, label.
pub fn names(case: &Case) -> (String, Vec<String>, Option<String>) {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    (case.id.clone(), case.images().map(name).collect(), case.label.as_deref().map(name))
}
