//! Errors of bundles.

use std::path::{Path, PathBuf};

use medseg_inference::InferenceError;
use medseg_network::NetworkError;
use medseg_transforms::TransformError;
use medseg_unet::UNetError;

use crate::stage::NetworkConfigError;

/// An error of this crate; its message is one sentence that names the file or the setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The system could not read or write a file.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The action that failed.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder holds no bundle, or one that this version cannot read.
    #[error("{}: {reason}", path.display())]
    NotABundle {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A setting has no meaning.
    #[error("bundle: {0}")]
    Config(String),
    /// Weights are missing, damaged, or not those of their network.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The file of weights.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Predicting needs more memory than allowed.
    #[error("predicting an image of {shape} voxels needs about {} MiB, more than the {} MiB allowed", needed >> 20, budget >> 20)]
    Budget {
        /// Shape of the image.
        shape: medseg_volume::Dhw<usize>,
        /// Bytes needed with one window at a time.
        needed: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// The caller refused the plan.
    #[error("the prediction was not wanted")]
    Stopped,
    /// None of an image's voxels is a finite number.
    #[error("none of the {shape} voxels of the image is a finite number")]
    NothingFinite {
        /// Shape of the image.
        shape: medseg_volume::Dhw<usize>,
    },
    /// Predicting needs more memory than the computer has, as after a spacing in the wrong unit.
    #[error("predicting an image of {shape} voxels on a grid of {grid} needs about {} MiB, and this computer has {} MiB", needed >> 20, total >> 20)]
    HostMemory {
        /// Shape of the image.
        shape: medseg_volume::Dhw<usize>,
        /// Shape of the networks' grid.
        grid: medseg_volume::Dhw<usize>,
        /// Bytes needed, without those of a GPU.
        needed: u64,
        /// Bytes of the computer's memory.
        total: u64,
    },
    /// Networks and their weight files.
    #[error(transparent)]
    UNet(#[from] UNetError),
    /// Settings of a network.
    #[error(transparent)]
    NetworkConfig(#[from] NetworkConfigError),
    /// A network of any architecture and its weights.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Preprocessing.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// Sliding window, cascade, post-processing.
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

impl BundleError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn not_a_bundle(path: &Path, reason: impl Into<String>) -> Self {
        Self::NotABundle { path: path.to_path_buf(), reason: reason.into() }
    }

    pub(crate) fn weights(path: &Path, reason: impl Into<String>) -> Self {
        Self::Weights { path: path.to_path_buf(), reason: reason.into() }
    }
}
