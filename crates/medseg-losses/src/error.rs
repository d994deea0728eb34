//! Errors of this crate.

use thiserror::Error;

/// Settings or shapes that a loss cannot work with.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum LossError {
    /// A number outside its range.
    #[error("{parameter} = {value} must be {expected}")]
    OutOfRange {
        /// Name of the setting.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// Its allowed range.
        expected: &'static str,
    },
    /// Settings that contradict each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// Logits and target that do not belong together.
    #[error(
        "target {target:?} does not fit logits {logits:?} ([batch, channel, depth, height, width]): expected {expected:?}"
    )]
    ShapeMismatch {
        /// Shape of the logits.
        logits: [usize; 5],
        /// Shape of the target.
        target: [usize; 5],
        /// The shape the target should have.
        expected: [usize; 5],
    },
    /// A weight list of the wrong length.
    #[error("weight has {found} values for {classes} classes (the background counts only if it is included)")]
    WeightCount {
        /// Number of weights.
        found: usize,
        /// Number of classes that enter the loss.
        classes: usize,
    },
}

pub(crate) fn require_not_negative(parameter: &'static str, value: f64) -> Result<(), LossError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(LossError::OutOfRange { parameter, value, expected: "zero or more and finite" })
}

/// A list of weights may be missing, but not empty.
pub(crate) fn require_weights(weights: Option<&[f64]>) -> Result<(), LossError> {
    if weights.is_some_and(<[f64]>::is_empty) {
        return Err(LossError::Contradiction("weight is an empty list"));
    }
    weights.into_iter().flatten().try_for_each(|&weight| require_not_negative("weight", weight))
}
