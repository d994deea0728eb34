//! Errors of the sliding window.

use super::sink::BoxError;

/// An error of the sliding window.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// A setting out of its range.
    #[error("{setting} {value}: {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// Range of valid values.
        expected: &'static str,
    },
    /// An image with an axis of length 0, or of more than 2^20 voxels.
    #[error("image of shape {0:?}: every axis needs 1 to 2^20 voxels")]
    ImageShape([usize; 3]),
    /// Sums that do not fit into memory.
    #[error("the sums of {classes} classes need {bytes} bytes, which are not free")]
    Memory {
        /// Number of classes.
        classes: usize,
        /// Size of the sums.
        bytes: usize,
    },
    /// Logits of another shape than the window's.
    #[error("window at {start:?}: the network returned shape {found:?}, not {expected:?}")]
    OutputShape {
        /// First voxel of the window in the padded image.
        start: [usize; 3],
        /// Shape that the network returned: channel, depth, height, width.
        found: [usize; 4],
        /// Shape that was expected.
        expected: [usize; 4],
    },
    /// Infinite or undefined sums: the logits are too large for f16, or the network's output is not finite.
    #[error("fold {fold}, window at {start:?}: the sums are not finite in f16")]
    NotFinite {
        /// Number of the fold, from 0.
        fold: usize,
        /// First voxel of the window in the padded image.
        start: [usize; 3],
    },
    /// Infinite logits after the division by the weights, or after the sum over folds.
    #[error("fold {fold}, slice {slice} of the first axis: the logits are not finite in f16")]
    NotFiniteSlice {
        /// Number of the fold, from 0.
        fold: usize,
        /// Number of the slice along the first axis.
        slice: usize,
    },
    /// An error of the network, or of loading a fold's network.
    #[error("fold {fold}, window at {start:?}: the network failed")]
    Network {
        /// Number of the fold, from 0.
        fold: usize,
        /// First voxel of the window in the padded image.
        start: [usize; 3],
        /// Cause.
        source: BoxError,
    },
    /// A network that could not be loaded.
    #[error("fold {fold}: the network cannot be loaded")]
    Load {
        /// Number of the fold, from 0.
        fold: usize,
        /// Cause.
        source: BoxError,
    },
    /// An error of the receiver of logits.
    #[error("slice {slice} of the first axis cannot be processed")]
    Sink {
        /// Number of the slice along the first axis.
        slice: usize,
        /// Cause.
        source: BoxError,
    },
    /// The progress callback stopped the run.
    #[error("stopped after {done} of {total} windows")]
    Cancelled {
        /// Windows done.
        done: usize,
        /// All windows, over all folds.
        total: usize,
    },
}
