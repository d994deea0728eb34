//! Files and folders, with the path in the error.

use std::fs;
use std::path::Path;

use crate::TrainError;

/// Writes a file that is the old or the new one at any moment.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    medseg_files::write_atomic(path, bytes).map_err(|e| TrainError::io("write", path, e))
}

/// Creates a folder and its parents.
pub(crate) fn create_dir(path: &Path) -> Result<(), TrainError> {
    fs::create_dir_all(path).map_err(|e| TrainError::io("create", path, e))
}

/// Reads a whole text file, without the byte-order mark that some editors write.
pub(crate) fn read_text(path: &Path) -> Result<String, TrainError> {
    let text = fs::read_to_string(path).map_err(|e| TrainError::io("read", path, e))?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_string))
}
