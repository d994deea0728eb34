//! Small JSON files that are either the old or the new one, never half of it.

use std::fs;
use std::path::Path;

use medseg_files::write_atomic;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DataError;

/// Writes `value` as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DataError> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| DataError::BadJson { path: path.into(), reason: error.to_string() })?;
    text.push('\n');
    write_atomic(path, text.as_bytes()).map_err(DataError::io(path))
}

/// Reads a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DataError> {
    let text = fs::read(path).map_err(DataError::io(path))?;
    serde_json::from_slice(&text).map_err(|error| DataError::BadJson { path: path.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value.json");
        write_json(&path, &1).unwrap();
        write_json(&path, &2).unwrap();
        assert_eq!(read_json::<i32>(&path).unwrap(), 2);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let taken = folder.path().join("folder.json");
        fs::create_dir(&taken).unwrap();
        let message = write_json(&taken, &3).unwrap_err().to_string();
        assert!(message.contains("folder.json"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
