//! Errors of this crate.

use thiserror::Error;

/// Errors of scores and tables.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// Prediction and reference are on different grids.
    #[error("prediction {predicted:?} and reference {reference:?} differ in shape [depth, height, width]")]
    ShapeMismatch {
        /// Shape of the prediction.
        predicted: [usize; 3],
        /// Shape of the reference.
        reference: [usize; 3],
    },
    /// A channel array does not have the classes it should have.
    #[error("{which} has {found} channels, expected 1 (class numbers) or {expected} (one per class)")]
    ChannelMismatch {
        /// `"prediction"` or `"reference"`.
        which: &'static str,
        /// Channels found.
        found: usize,
        /// Classes expected.
        expected: usize,
    },
    /// More classes than a `u8` label can name.
    #[error("num_classes = {0} is not between 1 and 256")]
    InvalidClassCount(usize),
    /// A voxel size that is not a positive, finite number of millimetres.
    #[error("spacing {0:?} mm (depth, height, width) must be positive and finite")]
    InvalidSpacing([f64; 3]),
    /// Voxel vectors that span no grid.
    #[error("voxel vectors {0:?} mm (of depth, height, width) must be finite, longer than 0 and not in one plane")]
    InvalidGrid([[f64; 3]; 3]),
    /// A surface tolerance that is negative or not a number.
    #[error("tolerance_mm = {0} must be zero or more")]
    InvalidTolerance(f64),
    /// A percentile outside 0 to 100.
    #[error("percentile = {0} is not between 0 and 100")]
    InvalidPercentile(f64),
    /// A table of scores whose rows have different lengths.
    #[error("row {row} of the scores has {found} classes, the first row has {expected}")]
    RaggedScores {
        /// Index of the row.
        row: usize,
        /// Its length.
        found: usize,
        /// Length of the first row.
        expected: usize,
    },
    /// A lesion overlap outside 0 to 1.
    #[error("min_overlap = {0} is not between 0 and 1")]
    InvalidOverlap(f64),
    /// Scores of two methods that are not of the same cases.
    #[error("{a} scores cannot be paired with {b}")]
    UnpairedScores {
        /// Number of the first method's scores.
        a: usize,
        /// Number of the second method's.
        b: usize,
    },
    /// A table that could not be built, read or written.
    #[error("score table: {0}")]
    Table(String),
}

impl MetricsError {
    pub(crate) fn table(error: impl std::fmt::Display) -> Self {
        Self::Table(error.to_string())
    }
}
