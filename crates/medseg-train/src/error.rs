//! Errors of experiments.

use std::path::{Path, PathBuf};

use medseg_bundle::{BundleError, NetworkConfigError};
use medseg_data::DataError;
use medseg_files::LockError;
use medseg_inference::InferenceError;
use medseg_losses::LossError;
use medseg_metrics::MetricsError;
use medseg_optim::OptimError;
use medseg_phantom::PhantomError;
use medseg_report::ReportError;
use medseg_transforms::TransformError;
use medseg_volume::VolumeError;

use crate::RanksError;

/// An error of this crate; each message is one sentence that names the file, case or setting that failed, and leaves
/// its cause to [`source`](std::error::Error::source).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting is impossible or unknown.
    #[error("configuration: {0}")]
    Config(String),
    /// A run cannot be resumed from its output folder.
    #[error("cannot resume {path}: {reason}")]
    Resume {
        /// The output folder.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The output folder is being written to by another process, or cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder does not hold a finished or usable run.
    #[error("{path} is not a trained run: {reason}")]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("cannot {action} {path}")]
    Io {
        /// The action that failed: "read", "write", "create", ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The loss stopped being a number.
    #[error("stage {stage}: the loss became {loss} in epoch {epoch} on case {case}; the last checkpoint is kept")]
    Diverged {
        /// The stage.
        stage: String,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The case of the step.
        case: String,
        /// The loss's value.
        loss: f32,
    },
    /// The gradient, or the weights it led to, stopped being numbers although every loss was one.
    #[error("stage {stage}: {what} became {value} in epoch {epoch} on {cases}; the last checkpoint is kept")]
    Overflow {
        /// The stage.
        stage: String,
        /// The epoch, counted from 1.
        epoch: usize,
        /// "the gradient" or "a weight".
        what: &'static str,
        /// Its value.
        value: f32,
        /// The cases of the step.
        cases: String,
    },
    /// An image holds NaN or infinite voxels.
    #[error("{path}: {voxels} voxels are not finite numbers")]
    NotFinite {
        /// The image.
        path: PathBuf,
        /// Number of such voxels.
        voxels: usize,
    },
    /// A label has no foreground and the settings want a run to stop then.
    #[error("{path}: no voxel counts as foreground (data.on_empty_label = \"stop\")")]
    EmptyLabel {
        /// The label.
        path: PathBuf,
    },
    /// Every training case is left out.
    #[error("stage {stage}: no training case can be used; the warnings name them")]
    NothingToTrain {
        /// The stage.
        stage: String,
    },
    /// A case cannot be used.
    #[error("case {id}")]
    Case {
        /// The case.
        id: String,
        /// The cause.
        source: Box<TrainError>,
    },
    /// A value could not be read back from the device.
    #[error("device: {0}")]
    Device(String),
    /// The other ranks of the job.
    #[error(transparent)]
    Ranks(#[from] RanksError),
    /// Volumes.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// Transforms.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// Cases and splits.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The phantom set.
    #[error(transparent)]
    Phantom(#[from] PhantomError),
    /// Settings of a network.
    #[error(transparent)]
    NetworkConfig(#[from] NetworkConfigError),
    /// Losses.
    #[error(transparent)]
    Loss(Box<LossError>),
    /// Optimisers and schedules.
    #[error(transparent)]
    Optim(#[from] OptimError),
    /// Sliding window and cascade.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// Bundles.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Files of the run for people.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
}

impl From<LossError> for TrainError {
    fn from(error: LossError) -> Self {
        Self::Loss(Box::new(error))
    }
}

impl TrainError {
    /// True for mistakes on the command line or in the configuration: the program exits with 2.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_) | Self::Resume { .. } => true,
            Self::Case { source, .. } => source.is_usage(),
            _ => false,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    /// For a cache, which names the case where that is not done yet.
    pub(crate) fn boxed(self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Data(error) => Box::new(error),
            other => Box::new(other),
        }
    }

    pub(crate) fn in_case(self, id: &str) -> Self {
        match self {
            Self::Case { .. } => self,
            // Of a crate that has named the case already.
            named if named.to_string().starts_with(&format!("case {id}")) => named,
            other => Self::Case { id: id.to_string(), source: Box::new(other) },
        }
    }
}
