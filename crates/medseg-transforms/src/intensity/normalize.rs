//! Z-scores.

use ndarray::{ArrayBase, DataMut, Dimension};
use serde::{Deserialize, Serialize};

use super::statistics::Moments;
use super::voxels;

/// MONAI's `NormalizeIntensity`: subtracts a mean and divides by a standard deviation (of the population).
///
/// The statistics are those of the array it is given: one channel, or all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormalizeIntensity {
    /// Statistics over the voxels that are not 0, and only those change.
    pub nonzero: bool,
    /// Instead of the mean.
    pub subtrahend: Option<f32>,
    /// Instead of the standard deviation.
    pub divisor: Option<f32>,
}

impl NormalizeIntensity {
    /// Normalises in place. A standard deviation of 0 counts as 1. Voxels that are not finite are left out of the
    /// statistics and stay as they are; an image without any other voxel stays as it is.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let nonzero = self.nonzero;
        let chosen = |v: f32| v.is_finite() && (!nonzero || v != 0.0);
        let Some(moments) = voxels::read(image, |values| Moments::of(values, chosen)) else { return };
        let mean = self.subtrahend.map_or(moments.mean, f64::from);
        let divisor = match self.divisor.map_or(moments.deviation(), f64::from) {
            0.0 => 1.0,
            d => d,
        };
        voxels::map(image, |v| if nonzero && v == 0.0 { v } else { ((f64::from(v) - mean) / divisor) as f32 });
    }
}
