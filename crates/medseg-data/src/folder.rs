//! The volumes in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use medseg_volume::volume_stem;

use crate::DataError;
use crate::names::composed;

/// A volume's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FoundFile {
    /// Its name, composed; the files are sorted by it.
    pub name: String,
    /// The same without its ending.
    pub stem: String,
    /// Its path, as the folder has it.
    pub path: PathBuf,
}

/// The volumes in a folder, sorted by name; two of one stem are an error. Hidden and other files are passed over.
pub(crate) fn volumes(dir: &Path, purpose: &str) -> Result<Vec<FoundFile>, DataError> {
    if !dir.is_dir() {
        return Err(DataError::MissingFolder { path: dir.into(), hint: purpose.into() });
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(DataError::io(dir))? {
        let path = entry.map_err(DataError::io(dir))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(DataError::FileName { path });
        };
        let Some(stem) = volume_stem(name).filter(|_| !name.starts_with('.')) else { continue };
        let (name, stem) = (composed(name), composed(stem));
        // Follows a link; one that points nowhere is an error.
        if fs::metadata(&path).map_err(DataError::io(&path))?.is_file() {
            files.push(FoundFile { name, stem, path });
        }
    }
    files.sort();
    let mut by_stem: Vec<&FoundFile> = files.iter().collect();
    by_stem.sort_by_key(|file| &file.stem);
    match by_stem.windows(2).find(|pair| pair[0].stem == pair[1].stem) {
        Some(pair) => Err(DataError::DuplicateCase { first: pair[0].path.clone(), second: pair[1].path.clone() }),
        None => Ok(files),
    }
}
