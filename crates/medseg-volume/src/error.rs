//! What can go wrong with volumes and their files.

use std::path::{Path, PathBuf};

/// An error of this crate; its message is one sentence that names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The system could not open, read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not sound.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is sound but of a kind this crate does not read.
    #[error("{}: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which kind.
        reason: String,
    },
    /// Reading would take more memory than allowed or to be had.
    #[error("{}: needs {needed} bytes, more than the {limit} allowed", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// Bytes of the result.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// An affine is not finite or singular.
    #[error("geometry: {0}")]
    Geometry(String),
    /// A volume cannot be stored as NIfTI, or not as asked.
    #[error("cannot write {}: {reason}", path.display())]
    Unstorable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl VolumeError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(crate) fn unsupported(path: &Path, reason: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_path_buf(), reason: reason.into() }
    }
}
