//! Files of a case before they have their names.

use std::path::{Path, PathBuf};

/// A folder for the outputs of one case, on the file system of the output folder.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    name: String,
}

impl Staging {
    pub(super) fn new(folder: PathBuf, name: &str) -> Self {
        Self { folder, name: name.into() }
    }

    /// The path of the output of this ending, one of [`CaseFiles::endings`](crate::CaseFiles::endings).
    #[must_use]
    pub fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}{ending}", self.name))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
