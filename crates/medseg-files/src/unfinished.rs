//! Files and folders that this process has only partly written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static PATHS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn paths() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    PATHS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder under a hidden name, from its beginning until it has its name or is removed.
#[derive(Debug)]
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    pub fn new(path: &Path) -> Self {
        // Another working folder must not make it another file.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        paths().insert(path.clone());
        Self(path)
    }

    /// Gives the file its name by `rename`.
    pub fn finish<T>(self, rename: impl FnOnce() -> T) -> T {
        // Held meanwhile, so that nothing is renamed after `remove_unfinished`.
        let _held = paths();
        rename()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        paths().remove(&self.0);
    }
}

/// Removes the files and folders that this process has only partly written, for a process that is about to end.
///
/// As long as the result lives, no file is begun and none gets its name: the threads that write them wait.
#[must_use = "files are begun again as soon as it is dropped"]
pub fn remove_unfinished() -> NothingUnfinished {
    let held = paths();
    for path in held.iter() {
        // What another thread has removed meanwhile is gone as well.
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    NothingUnfinished(held)
}

/// Result of [`remove_unfinished`].
#[derive(Debug)]
pub struct NothingUnfinished(#[expect(dead_code, reason = "held")] MutexGuard<'static, BTreeSet<PathBuf>>);
