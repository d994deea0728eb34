//! Failures of planning.

use std::path::PathBuf;

use medseg_data::DataError;
use medseg_train::TrainError;

/// Failure of a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Of the cases' files, headers or groups.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Of the settings, or of the training steps that are timed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// No case of the folder has a label.
    #[error("no case in {folder} has a label to train with", folder = folder.display())]
    NoLabels {
        /// The folder.
        folder: PathBuf,
    },
    /// No voxel of a label counts as foreground.
    #[error("no label in {folder} has a voxel that counts as foreground", folder = folder.display())]
    NoForeground {
        /// The folder.
        folder: PathBuf,
    },
    /// A limit of time or memory that no plan can keep.
    #[error("{0}")]
    Budget(String),
    /// The system's, on a file.
    #[error("cannot write {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Of a picture on the page.
    #[error(transparent)]
    Report(#[from] medseg_report::ReportError),
}
