//! From probabilities to labels.

use ndarray::{Array, Array3, Array4, ArrayBase, ArrayView3, ArrayView4, Axis, Data, Dimension, Zip};
use serde::{Deserialize, Serialize};

use super::one_hot;
use crate::TransformError;

/// The number of the channel with the highest value, voxel by voxel; of equal ones the first. NaN is never highest
/// (PyTorch's argmax takes it), so a voxel where all are NaN is 0.
///
/// # Errors
/// [`TransformError::Parameter`] for no channel, or more than a label can number (256).
pub fn argmax(values: &ArrayView4<'_, f32>) -> Result<Array3<u8>, TransformError> {
    let (channels, d, h, w) = values.dim();
    if !(1..=256).contains(&channels) {
        return Err(TransformError::parameter("channels", channels, "must be between 1 and 256"));
    }
    // Channel by channel, in the order in which the values lie in memory.
    let mut best = Array3::from_elem((d, h, w), f32::NEG_INFINITY);
    let mut number = Array3::<u8>::zeros((d, h, w));
    for (n, channel) in values.axis_iter(Axis(0)).enumerate() {
        Zip::from(&mut best).and(&mut number).and(channel).par_for_each(|best, number, v| {
            if *v > *best {
                (*best, *number) = (*v, n as u8);
            }
        });
    }
    Ok(number)
}

/// 1 where a value is at least `least`, else 0; 0 for NaN.
#[must_use]
pub fn threshold<S: Data<Elem = f32>, D: Dimension>(values: &ArrayBase<S, D>, least: f32) -> Array<u8, D> {
    let mut mask = Array::zeros(values.raw_dim());
    Zip::from(&mut mask).and(values).par_for_each(|mask, v| *mask = u8::from(*v >= least));
    mask
}

/// MONAI's `AsDiscrete` on `[channel, depth, height, width]`: what is chosen is done in the order of the fields, and the
/// result is f32 as there. [`argmax`] and [`threshold`] give labels.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AsDiscrete {
    /// Number of the highest channel, as the only channel.
    pub argmax: bool,
    /// One-hot with this many channels; there must be one channel of label values then.
    pub to_onehot: Option<usize>,
    /// 1 where a value is at least this, else 0.
    pub threshold: Option<f32>,
    /// To the nearest whole number, halves to the even one.
    pub rounding: bool,
}

impl AsDiscrete {
    /// The discrete values.
    ///
    /// # Errors
    /// As [`argmax`] and [`one_hot`](crate::one_hot).
    pub fn apply(&self, values: &ArrayView4<'_, f32>) -> Result<Array4<f32>, TransformError> {
        let mut values = match self.argmax {
            true => argmax(values)?.mapv(f32::from).insert_axis(Axis(0)),
            false => values.to_owned(),
        };
        if let Some(classes) = self.to_onehot {
            let channels = values.dim().0;
            if channels != 1 {
                return Err(TransformError::parameter("channels", channels, "must be 1 to become one-hot"));
            }
            let label = |v: &f32| {
                let fits = (0.0..=255.0).contains(v) && v.fract() == 0.0;
                let refused = || TransformError::parameter("label value", v, "is not a whole number from 0 to 255");
                fits.then_some(*v as u8).ok_or_else(refused)
            };
            let labels = values.iter().map(label).collect::<Result<Vec<u8>, _>>()?;
            let (_, d, h, w) = values.dim();
            let labels = ArrayView3::from_shape((d, h, w), &labels).expect("one label a voxel");
            values = one_hot(&labels, classes)?.mapv(f32::from);
        }
        if let Some(least) = self.threshold {
            values.par_mapv_inplace(|v| f32::from(v >= least));
        }
        if self.rounding {
            values.par_mapv_inplace(f32::round_ties_even);
        }
        Ok(values)
    }
}
