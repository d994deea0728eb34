//! Hashes of files that were read before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::ContentHash;
use crate::DataError;
use crate::json_file::{read_json, write_json};

/// A file that changed so short a time before it was read may have changed again within one tick of its clock.
const TICK_NANOSECONDS: i64 = 2_000_000_000;

/// Hashes of files, remembered with what tells that a file has not changed since: its path, length, and the times at which
/// its content and its entry in the folder last changed. An unchanged file is not read again.
///
/// The memory is a JSON file. One that is missing or damaged remembers nothing. Several processes may use one file; a hash
/// that one of them loses is computed again.
#[derive(Debug)]
pub struct ContentHashes {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<String, Remembered>,
    unsaved: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remembered {
    #[serde(flatten)]
    state: FileState,
    hash: ContentHash,
}

/// A file as its folder lists it. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileState {
    bytes: u64,
    modified: i64,
    changed: i64,
}

impl ContentHashes {
    /// A memory in this file, which need not exist.
    #[must_use]
    pub fn open(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let files = read_json(&path).unwrap_or_default();
        Self { path, known: Mutex::new(Known { files, unsaved: false }) }
    }

    /// The hash of a file's content, which is read only if it may have changed.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be read.
    pub fn hash(&self, file: &Path) -> Result<ContentHash, DataError> {
        let find = || {
            let path = file.canonicalize()?;
            let name = path.to_string_lossy().into_owned();
            let state = FileState::of(&path)?;
            if let Some(known) = self.known().files.get(&name).filter(|known| known.state == state) {
                return Ok(known.hash.clone());
            }
            let hash = ContentHash::of_file(&path)?;
            let settled =
                state.changed.max(state.modified).saturating_add(TICK_NANOSECONDS) < nanoseconds(SystemTime::now());
            if settled && FileState::of(&path)? == state {
                let mut known = self.known();
                known.files.insert(name, Remembered { state, hash: hash.clone() });
                known.unsaved = true;
            }
            Ok(hash)
        };
        find().map_err(DataError::io(file))
    }

    /// Writes what was learnt, beside what other processes have written.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be written.
    pub fn save(&self) -> Result<(), DataError> {
        let mut known = self.known();
        if !known.unsaved {
            return Ok(());
        }
        let others: BTreeMap<String, Remembered> = read_json(&self.path).unwrap_or_default();
        for (name, remembered) in others {
            known.files.entry(name).or_insert(remembered);
        }
        write_json(&self.path, &known.files)?;
        known.unsaved = false;
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is locked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ContentHashes {
    fn drop(&mut self) {
        // A hash that is lost is computed again.
        let _ = self.save();
    }
}

impl FileState {
    fn of(path: &Path) -> std::io::Result<Self> {
        let state = path.metadata()?;
        let modified = nanoseconds(state.modified()?);
        #[cfg(unix)]
        let changed = {
            use std::os::unix::fs::MetadataExt;
            state.ctime().saturating_mul(1_000_000_000).saturating_add(state.ctime_nsec())
        };
        #[cfg(not(unix))]
        let changed = modified;
        Ok(Self { bytes: state.len(), modified, changed })
    }
}

/// Nanoseconds since 1970, negative before.
fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// As if the memory had been made long after the file was written.
    fn age(hashes: &ContentHashes, file: &Path, hash: &ContentHash) {
        let path = file.canonicalize().unwrap();
        let state = FileState::of(&path).unwrap();
        let mut known = hashes.known();
        known.files.insert(path.to_string_lossy().into_owned(), Remembered { state, hash: hash.clone() });
        known.unsaved = true;
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other, memory] = ["a.nii", "b.nii", "hashes.json"].map(|name| folder.path().join(name));
        fs::write(&file, "first").unwrap();
        fs::write(&other, "other").unwrap();
        let hashes = ContentHashes::open(&memory);
        let (first, mark) = (hashes.hash(&file).unwrap(), hashes.hash(&other).unwrap());
        // A hash that only the memory can give.
        age(&hashes, &file, &mark);
        drop(hashes);
        let hashes = ContentHashes::open(&memory);
        assert_eq!(hashes.hash(&file).unwrap(), mark);
        // Same length, and the time of its content set back.
        let before = fs::metadata(&file).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&file, "secnd").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(before).unwrap();
        if cfg!(unix) {
            let second = hashes.hash(&file).unwrap();
            assert!(second != mark && second != first);
        }
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let [file, memory] = ["a.nii", "hashes.json"].map(|name| folder.path().join(name));
        fs::write(&file, "first").unwrap();
        let hashes = ContentHashes::open(&memory);
        hashes.hash(&file).unwrap();
        assert!(hashes.known().files.is_empty());
        drop(hashes);
        assert!(!memory.exists());
    }

    #[test]
    fn a_damaged_memory_remembers_nothing_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let [file, memory] = ["a.nii", "hashes.json"].map(|name| folder.path().join(name));
        fs::write(&file, "first").unwrap();
        for text in ["", "{", "[1]", r#"{"/a": {"bytes": -1}}"#] {
            fs::write(&memory, text).unwrap();
            let hashes = ContentHashes::open(&memory);
            let hash = hashes.hash(&file).unwrap();
            age(&hashes, &file, &hash);
            drop(hashes);
            assert!(fs::read_to_string(&memory).unwrap().contains(&hash.to_string()));
        }
    }

    #[test]
    fn two_processes_add_to_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, memory] = ["a.nii", "b.nii", "hashes.json"].map(|name| folder.path().join(name));
        let both = [ContentHashes::open(&memory), ContentHashes::open(&memory)];
        for (hashes, file) in both.iter().zip([&a, &b]) {
            fs::write(file, "x").unwrap();
            let hash = hashes.hash(file).unwrap();
            age(hashes, file, &hash);
            hashes.save().unwrap();
        }
        assert_eq!(ContentHashes::open(&memory).known().files.len(), 2);
    }
}
