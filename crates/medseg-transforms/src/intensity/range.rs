//! One range of intensities becomes another.

use ndarray::{ArrayBase, DataMut, Dimension};
use serde::{Deserialize, Serialize};

use super::statistics::extremes;
use super::voxels;

/// MONAI's `ScaleIntensityRange`: [a_min, a_max] becomes [b_min, b_max], optionally clipped to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleIntensityRange {
    /// Becomes `b_min`.
    pub a_min: f32,
    /// Becomes `b_max`.
    pub a_max: f32,
    /// Lower end of the result; without both ends the result is [0, 1].
    pub b_min: Option<f32>,
    /// Upper end of the result.
    pub b_max: Option<f32>,
    /// Cut values outside [b_min, b_max] off, as far as the ends are given.
    pub clip: bool,
}

impl ScaleIntensityRange {
    /// Scales in place; NaN stays NaN. As in MONAI, `a_min == a_max` gives x - a_min (+ b_min) without clipping.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let range = self.a_max - self.a_min;
        if range == 0.0 {
            let shift = self.b_min.unwrap_or(0.0) - self.a_min;
            voxels::map(image, |v| v + shift);
            return;
        }
        let (scale, offset) = match (self.b_min, self.b_max) {
            (Some(low), Some(high)) => (high - low, low),
            _ => (1.0, 0.0),
        };
        let (low, high) = match self.clip {
            true => (self.b_min.unwrap_or(f32::NEG_INFINITY), self.b_max.unwrap_or(f32::INFINITY)),
            false => (f32::NEG_INFINITY, f32::INFINITY),
        };
        let a_min = self.a_min;
        voxels::map(image, |v| voxels::clamp(((v - a_min) / range) * scale + offset, low, high));
    }
}

/// MONAI's `ScaleIntensity`: the image's own lowest and highest voxel become `min` and `max`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleIntensity {
    /// Result of the lowest voxel.
    pub min: f32,
    /// Result of the highest voxel.
    pub max: f32,
}

impl ScaleIntensity {
    /// Scales in place. Voxels that are not finite do not count as lowest or highest and are scaled like the others. As
    /// in MONAI a constant image is multiplied by `min`: it becomes 0 where `min` is 0.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let Some((low, high)) = voxels::read(image, extremes) else { return };
        let Self { min, max } = *self;
        if low == high {
            voxels::map(image, |v| v * min);
        } else {
            voxels::map(image, |v| (v - low) / (high - low) * (max - min) + min);
        }
    }
}
