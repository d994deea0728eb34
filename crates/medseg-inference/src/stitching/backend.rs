//! The interface that both ways of stitching have.

use burn::tensor::Tensor;

use crate::error::InferenceError;
use crate::plan::WindowPlan;

/// One way of cutting windows out and putting them together.
pub(crate) trait Stitching {
    /// The windows of these numbers `[slot, channel, depth, height, width]`; slots beyond them repeat the last one.
    fn gather(&mut self, numbers: &[usize], slots: usize) -> Tensor<5>;

    /// Adds the scores of these windows `[slot, class, depth, height, width]`. Numbers ascend from call to call; voxels that
    /// only left-out windows cover have unspecified results.
    fn add(&mut self, numbers: &[usize], scores: Tensor<5>) -> Result<(), InferenceError>;

    /// Passes on the voxels that still wait.
    fn finish(self) -> Result<(), InferenceError>;
}

/// Refuses a number of classes that differs from the one before.
pub(super) fn same_channels(expected: usize, got: usize) -> Result<(), InferenceError> {
    if expected == got { Ok(()) } else { Err(InferenceError::OutputChannels { expected, got }) }
}

/// The error for a window whose scores are not finite.
pub(super) fn not_finite(plan: &WindowPlan, window: usize) -> InferenceError {
    InferenceError::NotFinite { stage: None, window, start: plan.start(window) }
}
