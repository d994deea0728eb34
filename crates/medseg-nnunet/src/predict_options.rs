//! Choices of a prediction.

use crate::window::Sums;

/// Choices of a prediction. The default is that of `nnUNetv2_predict`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PredictOptions {
    /// Average over mirrored windows, as far as the training mirrored. `--disable_tta` switches it off.
    pub mirroring: bool,
    /// Largest distance of neighbouring windows as a part of the patch.
    pub step_size: f64,
    /// Number format of the sums over windows.
    pub sums: Sums,
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self { mirroring: true, step_size: 0.5, sums: Sums::Half }
    }
}

impl PredictOptions {
    /// Sets whether mirrored windows are averaged.
    #[must_use]
    pub fn with_mirroring(self, mirroring: bool) -> Self {
        Self { mirroring, ..self }
    }

    /// Sets the step.
    #[must_use]
    pub fn with_step_size(self, step_size: f64) -> Self {
        Self { step_size, ..self }
    }

    /// Sets the number format of the sums.
    #[must_use]
    pub fn with_sums(self, sums: Sums) -> Self {
        Self { sums, ..self }
    }
}
