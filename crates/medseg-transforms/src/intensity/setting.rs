//! From stored intensities to a network's range.

use ndarray::{ArrayBase, DataMut, Dimension};
use serde::{Deserialize, Serialize};

use super::percentiles::percentiles;
use super::{NormalizeIntensity, ScaleIntensityRange, voxels};
use crate::TransformError;

/// Brings intensities to the network's range. Values that are not finite afterwards become 0: NaN, and
/// infinities where nothing clips them.
///
/// The usual windows of CT have names: [`CtWindow`](crate::CtWindow).
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

    /// Applies it in place; an array of several channels is taken as one.
    pub fn apply<S: DataMut<Elem = f32>, D: Dimension>(&self, image: &mut ArrayBase<S, D>) {
        let unit = |a_min, a_max| ScaleIntensityRange { a_min, a_max, b_min: Some(0.0), b_max: Some(1.0), clip: true };
        match *self {
            Self::Window { low, high } => unit(low, high).apply(image),
            Self::ZScore { nonzero } => NormalizeIntensity { nonzero, ..NormalizeIntensity::default() }.apply(image),
            Self::Percentile { low, high } => {
                let ends = percentiles(image, &[low, high].map(f64::from)).unwrap_or(vec![0.0; 2]);
                let [low, high] = [ends[0] as f32, ends[1] as f32];
                if high > low {
                    unit(low, high).apply(image);
                } else {
                    image.fill(0.0);
                }
            }
        }
        voxels::map(image, |v| if v.is_finite() { v } else { 0.0 });
    }
}
