//! Errors of phantoms and their folders.

use std::path::{Path, PathBuf};

use medseg_volume::VolumeError;

/// An error of this crate; its message is one sentence that names the setting or the file, and leaves its cause to
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhantomError {
    /// Settings from which no phantom can be made.
    #[error("phantom: {0}")]
    Config(String),
    /// A folder that holds something else.
    #[error("phantom: {} {reason}; choose another folder", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its content.
        reason: &'static str,
    },
    /// The system could not create, read or write a file or folder.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file `phantom.json` of a folder is not as this crate writes it.
    #[error("{} is damaged", path.display())]
    Marker {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: serde_json::Error,
    },
    /// A volume could not be made or written.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

impl PhantomError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
