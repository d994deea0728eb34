//! Settings of the sliding window.

use serde::{Deserialize, Serialize};

use super::{SlidingWindow, WindowError};

/// Number format of the sums over windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sums {
    /// f16, rounded after every window: nnU-Net's own sums, bit for bit.
    #[default]
    Half,
    /// f32: less rounding and twice the memory. Of the five test models' voxels 154 of 197,672 get another label, at most 2.3 in 1000.
    Fast,
}

/// Settings of the sliding window.
///
/// ```
/// use medseg_nnunet::window::WindowConfig;
///
/// let window = WindowConfig::default().with_mirror_axes([0, 1, 2]).init(&[64, 128, 128])?;
/// let plan = window.plan([110, 128, 200])?;
/// assert_eq!((plan.windows(), plan.passes_per_window()), (9, 8));
/// # Ok::<(), medseg_nnunet::window::WindowError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowConfig {
    /// Largest distance of neighbouring windows as a part of the patch, above 0 and at most 1.
    pub step_size: f64,
    /// Axes to mirror, counted over the patch's axes; the checkpoint's `inference_allowed_mirroring_axes`. None by default.
    pub mirror_axes: Vec<usize>,
    /// Number format of the sums.
    pub sums: Sums,
}

impl Default for WindowConfig {
    /// nnU-Net's step of half a patch, without mirroring.
    fn default() -> Self {
        Self { step_size: 0.5, mirror_axes: Vec::new(), sums: Sums::Half }
    }
}

impl WindowConfig {
    /// Sets the step.
    #[must_use]
    pub fn with_step_size(mut self, step_size: f64) -> Self {
        self.step_size = step_size;
        self
    }

    /// Sets the axes to mirror, counted over the patch's axes.
    #[must_use]
    pub fn with_mirror_axes(mut self, axes: impl Into<Vec<usize>>) -> Self {
        self.mirror_axes = axes.into();
        self
    }

    /// Sets the number format of the sums.
    #[must_use]
    pub fn with_sums(mut self, sums: Sums) -> Self {
        self.sums = sums;
        self
    }

    /// Checks the settings for a patch of so many axes.
    ///
    /// # Errors
    /// [`WindowError::Setting`] names the setting out of range.
    pub fn validate(&self, patch: &[usize]) -> Result<(), WindowError> {
        let wrong = |setting, value: String, expected| Err(WindowError::Setting { setting, value, expected });
        if !(self.step_size > 0.0 && self.step_size <= 1.0) {
            return wrong("step_size", self.step_size.to_string(), "must be above 0 and at most 1");
        }
        let voxels = patch.iter().try_fold(1_usize, |voxels, size| voxels.checked_mul(*size));
        if !(2..=3).contains(&patch.len()) || !voxels.is_some_and(|voxels| (1..=1 << 30).contains(&voxels)) {
            return wrong("patch_size", format!("{patch:?}"), "must have 2 or 3 entries and 1 to 2^30 voxels");
        }
        let twice = |(at, axis): (usize, &usize)| self.mirror_axes[..at].contains(axis);
        if self.mirror_axes.iter().any(|axis| *axis >= patch.len()) || self.mirror_axes.iter().enumerate().any(twice) {
            return wrong("mirror_axes", format!("{:?}", self.mirror_axes), "must be different axes of the patch");
        }
        Ok(())
    }

    /// The sliding window for a patch of 3 sizes, or of 2 for a 2D configuration, in voxels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(self, patch: &[usize]) -> Result<SlidingWindow, WindowError> {
        self.validate(patch)?;
        SlidingWindow::new(patch, self)
    }
}
