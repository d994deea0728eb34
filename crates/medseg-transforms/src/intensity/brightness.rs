//! Brightness and contrast.

use ndarray::{ArrayBase, DataMut, Dimension};
use serde::{Deserialize, Serialize};

use super::statistics::{Moments, extremes};
use super::voxels;
use crate::TransformError;

/// Brightness: every voxel times a factor, plus an offset (the cores of MONAI's `RandScaleIntensity`, whose factor is one
/// less, and `RandShiftIntensity`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdjustBrightness {
    /// Multiplied first.
    pub factor: f64,
    /// Added then.
    pub offset: f64,
}

impl Default for AdjustBrightness {
    /// Changes nothing.
    fn default() -> Self {
        Self { factor: 1.0, offset: 0.0 }
    }
}

impl AdjustBrightness {
    /// Refuses numbers that are not finite.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming them.
    pub fn validate(&self) -> Result<(), TransformError> {
        finite("factor", self.factor)?;
        finite("offset", self.offset)
    }

    /// Changes the brightness in place.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let (factor, offset) = (self.factor as f32, self.offset as f32);
        voxels::map(image, |v| v * factor + offset);
    }
}

/// Contrast as nnU-Net changes it: differences from the mean times a factor. (MONAI's `AdjustContrast` is
/// [`AdjustGamma`](crate::AdjustGamma).)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdjustContrast {
    /// Above 1 raises the contrast.
    pub factor: f64,
    /// Cut off what leaves the image's old range.
    #[serde(default = "crate::model::yes")]
    pub preserve_range: bool,
}

impl AdjustContrast {
    /// Refuses a factor that is not finite.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming it.
    pub fn validate(&self) -> Result<(), TransformError> {
        finite("factor", self.factor)
    }

    /// Changes the contrast in place. Voxels that are not finite count nowhere; NaN stays NaN, infinities are cut off
    /// with the range.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let moments = voxels::read(image, |values| Moments::of(values, f32::is_finite));
        let Some(Moments { mean, .. }) = moments else { return };
        let range = if self.preserve_range { voxels::read(image, extremes) } else { None };
        let (low, high) = range.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let factor = self.factor;
        voxels::map(image, |v| voxels::clamp(((f64::from(v) - mean) * factor + mean) as f32, low, high));
    }
}

fn finite(parameter: &'static str, value: f64) -> Result<(), TransformError> {
    if value.is_finite() { Ok(()) } else { Err(TransformError::parameter(parameter, value, "must be finite")) }
}
