//! Gamma correction.

use ndarray::{ArrayBase, DataMut, Dimension};
use serde::{Deserialize, Serialize};

use super::statistics::{Moments, extremes};
use super::voxels;
use crate::TransformError;

/// Gamma correction, which MONAI calls `AdjustContrast`: with the lowest and highest voxel as 0 and 1, every voxel is
/// raised to a power.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdjustGamma {
    /// The power: above 1 darkens, below 1 brightens.
    pub gamma: f64,
    /// Correct the negative image instead, which treats bright voxels as the others are treated otherwise.
    #[serde(default)]
    pub invert: bool,
    /// Shift and scale the result so that mean and standard deviation stay.
    #[serde(default)]
    pub retain_stats: bool,
}

impl AdjustGamma {
    /// Refuses powers that are not above 0.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming `gamma`.
    pub fn validate(&self) -> Result<(), TransformError> {
        if self.gamma > 0.0 && self.gamma.is_finite() {
            return Ok(());
        }
        Err(TransformError::parameter("gamma", self.gamma, "must be above 0"))
    }

    /// Corrects in place. Voxels that are not finite stay as they are and count nowhere.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(
        &self,
        image: &mut ArrayBase<S, D>,
    ) -> Result<(), TransformError> {
        self.validate()?;
        let Some((low, high)) = voxels::read(image, extremes) else { return Ok(()) };
        let moments = |image: &_| voxels::read(image, |values| Moments::of(values, f32::is_finite));
        let before = self.retain_stats.then(|| moments(image)).flatten();
        // The negative image's lowest voxel is the highest one's negative.
        let (sign, low, high) = if self.invert { (-1.0, -high, -low) } else { (1.0, low, high) };
        let (low, range) = (f64::from(low), f64::from(high) - f64::from(low));
        let gamma = self.gamma as f32;
        // MONAI's small addend keeps a constant image, and takes a little off every other one's highest voxels.
        let scale = 1.0 / (range + 1e-7);
        voxels::map(image, |v| match v.is_finite() {
            true => {
                let unit = ((sign * f64::from(v) - low) * scale) as f32;
                (sign * (f64::from(unit.powf(gamma)) * range + low)) as f32
            }
            false => v,
        });
        if let (Some(before), Some(after)) = (before, moments(image)) {
            // The same for the image and its negative.
            let scale = before.sample_deviation() / (after.sample_deviation() + 1e-8);
            let from = after.mean;
            voxels::map(image, |v| ((f64::from(v) - from) * scale + before.mean) as f32);
        }
        Ok(())
    }
}
