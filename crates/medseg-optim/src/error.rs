//! Errors of this crate.

use thiserror::Error;

/// A setting or a position that an optimizer or a schedule cannot work with.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum OptimError {
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
    /// A state that belongs to another kind of schedule.
    #[error("the state to restore does not belong to a {schedule} schedule")]
    ForeignState {
        /// The schedule that was to be restored.
        schedule: &'static str,
    },
    /// A model whose parameters are not those of the average of weights.
    #[error("the model lacks {parameters} parameters of the average, by id and shape")]
    ForeignModel {
        /// Number of parameters.
        parameters: usize,
    },
}

/// `Ok` if `holds`, else an error that names the parameter.
pub(crate) fn require(
    holds: bool,
    parameter: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<(), OptimError> {
    if holds { Ok(()) } else { Err(OptimError::OutOfRange { parameter, value, expected }) }
}

pub(crate) fn require_not_negative(parameter: &'static str, value: f64) -> Result<(), OptimError> {
    require(value.is_finite() && value >= 0.0, parameter, value, "zero or more and finite")
}
