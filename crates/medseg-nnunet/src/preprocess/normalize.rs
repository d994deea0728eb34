//! Intensities as the network was trained with.

use ndarray::{ArrayView3, ArrayViewMut3, Zip};

use super::statistics::mean_and_std;

/// Least divisor, for channels of one value.
const LEAST: f64 = 1e-8;

/// The plans' normalization scheme of one channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Normalization {
    /// `CTNormalization`: values are clipped, centred and scaled by constants of the training set.
    Ct {
        /// Lower limit, `percentile_00_5`.
        lower: f64,
        /// Upper limit, `percentile_99_5`.
        upper: f64,
        /// Mean of the foreground.
        mean: f64,
        /// Standard deviation of the foreground.
        std: f64,
    },
    /// `ZScoreNormalization`: mean 0 and standard deviation 1 of the cropped image.
    ZScore {
        /// The plans' `use_mask_for_norm`: statistics over the non-zero region alone; voxels outside it are unchanged.
        masked: bool,
    },
    /// `NoNormalization`.
    None,
    /// `RescaleTo01Normalization`: the least value becomes 0, the largest 1.
    RescaleTo01,
    /// `RGBTo01Normalization`: values are divided by 255.
    RgbTo01,
}

impl Normalization {
    /// Changes a channel `[depth, height, width]` in place. `mask` has 1 in the non-zero region.
    ///
    /// Arithmetic is f32, with NumPy's order of sums. Without a mask, nnU-Net sums a cropped image in place, in an order
    /// that is not reproduced: its mean may differ by about 1e-7 of the values.
    pub(super) fn apply(&self, channel: &mut ArrayViewMut3<'_, f32>, mask: &ArrayView3<'_, u8>) {
        match *self {
            Self::None => {}
            Self::RgbTo01 => channel.par_mapv_inplace(|value| value / 255.0),
            Self::Ct { lower, upper, mean, std } => {
                let (lower, upper) = (lower as f32, upper as f32);
                let (mean, std) = (mean as f32, std.max(LEAST) as f32);
                let clip = |value: f32| {
                    let raised = if value < lower { lower } else { value };
                    if raised > upper { upper } else { raised }
                };
                channel.par_mapv_inplace(|value| (clip(value) - mean) / std);
            }
            Self::RescaleTo01 => {
                let limits = |(least, largest): (f32, f32), value: &f32| (least.min(*value), largest.max(*value));
                let (least, largest) = channel.iter().fold((f32::INFINITY, f32::NEG_INFINITY), limits);
                let range = (largest - least).max(LEAST as f32);
                channel.par_mapv_inplace(|value| (value - least) / range);
            }
            Self::ZScore { masked: false } => {
                let (mean, std) = statistics(channel, None);
                channel.par_mapv_inplace(|value| (value - mean) / std);
            }
            Self::ZScore { masked: true } => {
                let (mean, std) = statistics(channel, Some(mask));
                Zip::from(channel).and(mask).par_for_each(|value, inside| {
                    if *inside != 0 {
                        *value = (*value - mean) / std;
                    }
                });
            }
        }
    }
}

/// Mean and population standard deviation, the latter at least 1e-8.
fn statistics(channel: &ArrayViewMut3<'_, f32>, mask: Option<&ArrayView3<'_, u8>>) -> (f32, f32) {
    let (mean, std) = match (mask, channel.as_slice()) {
        (None, Some(values)) => mean_and_std(values),
        (None, None) => mean_and_std(&channel.iter().copied().collect::<Vec<_>>()),
        (Some(mask), _) => {
            let inside = channel.iter().zip(mask).filter(|(_, inside)| **inside != 0);
            mean_and_std(&inside.map(|(value, _)| *value).collect::<Vec<_>>())
        }
    };
    // NaN, as of an empty mask, stays NaN.
    (mean, if std < LEAST as f32 { LEAST as f32 } else { std })
}
