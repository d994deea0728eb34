//! Bringing intensities to a network's range.

use ndarray::{Array3, Zip};
use serde::{Deserialize, Serialize};

use crate::TransformError;

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
    pub fn apply(&self, image: &mut Array3<f32>) {
        let range = self.a_max - self.a_min;
        if range == 0.0 {
            let shift = self.b_min.unwrap_or(0.0) - self.a_min;
            image.par_mapv_inplace(|v| v + shift);
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
        image.par_mapv_inplace(|v| {
            // Not `max` and `min`, which give the other value for NaN.
            let scaled = ((v - self.a_min) / range) * scale + offset;
            let raised = if scaled < low { low } else { scaled };
            if raised > high { high } else { raised }
        });
    }
}

/// MONAI's `NormalizeIntensity`: subtracts a mean and divides by a standard deviation (of the population).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    pub fn apply(&self, image: &mut Array3<f32>) {
        let chosen = |v: f32| v.is_finite() && (!self.nonzero || v != 0.0);
        let Some((mean, deviation)) = statistics(image, chosen) else { return };
        let mean = self.subtrahend.map_or(mean, f64::from);
        let divisor = match self.divisor.map_or(deviation, f64::from) {
            0.0 => 1.0,
            d => d,
        };
        let nonzero = self.nonzero;
        image.par_mapv_inplace(|v| if nonzero && v == 0.0 { v } else { ((f64::from(v) - mean) / divisor) as f32 });
    }
}

/// Mean and population standard deviation of the chosen voxels in f64, two passes.
fn statistics(image: &Array3<f32>, chosen: impl Fn(f32) -> bool + Copy) -> Option<(f64, f64)> {
    let values = || image.iter().copied().filter(move |v| chosen(*v)).map(f64::from);
    let (count, sum) = values().fold((0usize, 0.0), |(n, s), v| (n + 1, s + v));
    if count == 0 {
        return None;
    }
    let mean = sum / count as f64;
    let variance = values().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count as f64;
    Some((mean, variance.sqrt()))
}

/// How an experiment brings intensities to the network's range. What is not finite afterwards becomes 0: NaN, and
/// infinities where nothing clips them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Intensity {
    /// Clipped to [low, high] and scaled to [0, 1]: CT in Hounsfield units.
    Window {
        /// Becomes 0.
        low: f32,
        /// Becomes 1.
        high: f32,
    },
    /// Mean 0 and standard deviation 1 case by case: MR and other scales without a unit.
    ZScore {
        /// Over the voxels that are not 0 only.
        nonzero: bool,
    },
    /// Clipped to two percentiles of the case (linear between order statistics) and scaled to [0, 1].
    Percentile {
        /// Becomes 0, in percent.
        low: f32,
        /// Becomes 1, in percent.
        high: f32,
    },
}

impl Intensity {
    /// Refuses ranges that are empty or not finite.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the range.
    pub fn validate(&self) -> Result<(), TransformError> {
        let (parameter, low, high, possible) = match *self {
            Self::Window { low, high } => ("window", low, high, (high - low).is_finite()),
            Self::Percentile { low, high } => ("percentile", low, high, low >= 0.0 && high <= 100.0),
            Self::ZScore { .. } => return Ok(()),
        };
        if possible && low < high {
            return Ok(());
        }
        let reason = "needs a low end below its high end (percentiles between 0 and 100)";
        Err(TransformError::Parameter { parameter, value: format!("{low},{high}"), reason })
    }

    /// Applies it in place.
    pub fn apply(&self, image: &mut Array3<f32>) {
        let unit = |a_min, a_max| ScaleIntensityRange { a_min, a_max, b_min: Some(0.0), b_max: Some(1.0), clip: true };
        match *self {
            Self::Window { low, high } => unit(low, high).apply(image),
            Self::ZScore { nonzero } => NormalizeIntensity { nonzero, ..NormalizeIntensity::default() }.apply(image),
            Self::Percentile { low, high } => {
                let [low, high] = percentiles(image, [low, high]);
                if high > low {
                    unit(low, high).apply(image);
                } else {
                    image.fill(0.0);
                }
            }
        }
        Zip::from(image).par_for_each(|v| {
            if !v.is_finite() {
                *v = 0.0;
            }
        });
    }
}

/// Percentiles of the finite voxels, linear between order statistics (numpy's default); 0 if there are none.
fn percentiles(image: &Array3<f32>, percents: [f32; 2]) -> [f32; 2] {
    let mut values: Vec<f32> = image.iter().copied().filter(|v| v.is_finite()).collect();
    if values.is_empty() {
        return [0.0; 2];
    }
    percents.map(|percent| {
        let at = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * (values.len() - 1) as f64;
        let (_, &mut low, above) = values.select_nth_unstable_by(at as usize, f32::total_cmp);
        let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
        let [low, high] = [low, high].map(f64::from);
        (low + at.fract() * (high - low)) as f32
    })
}
