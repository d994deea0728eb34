//! Errors of reports.

use std::path::{Path, PathBuf};

use medseg_data::DataError;
use medseg_metrics::MetricsError;
use medseg_volume::VolumeError;

/// An error of this crate; its message is one sentence that names the file or the picture, and leaves its cause to
/// [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
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
    /// A file of a run is not JSON of the form that it should have.
    #[error("{} is not as a run leaves it", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The fault and its place.
        source: serde_json::Error,
    },
    /// A table of a run is not as it should be.
    #[error("{}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// The fault and its place.
        reason: String,
    },
    /// A chart or picture could not be drawn.
    #[error("drawing {picture}: {reason}")]
    Drawing {
        /// The picture.
        picture: String,
        /// The fault.
        reason: String,
    },
    /// `split.json` could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Scores could not be compared.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A volume could not be read or embedded.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

impl ReportError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Json { path, source }
    }

    pub(crate) fn table(path: &Path, reason: impl ToString) -> Self {
        Self::Table { path: path.to_path_buf(), reason: reason.to_string() }
    }

    pub(crate) fn drawing(picture: impl Into<String>, reason: impl ToString) -> Self {
        Self::Drawing { picture: picture.into(), reason: reason.to_string() }
    }
}
