//! From logits to labels.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView4, Axis, parallel::prelude::*};
use serde::{Deserialize, Serialize};

use crate::activation::sigmoid;
use crate::error::InferenceError;

/// How logits become a mask of u8 labels.
///
/// One channel: 1 where `sigmoid(logit) >= threshold`, else 0. Several channels: the number of the largest, the first one on
/// ties (`argmax`; softmax would not change it). NaN never wins: a voxel whose every logit is NaN is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskRule {
    /// Probability from which a single-channel voxel is foreground, 0 to 1.
    pub threshold: f32,
}

impl Default for MaskRule {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

impl MaskRule {
    /// Reduces logits `[class, depth, height, width]` to a mask.
    ///
    /// ```
    /// use medseg_inference::MaskRule;
    /// use ndarray::array;
    ///
    /// let logits = array![[[[-1.0_f32, 0.0, f32::NAN]]]];
    /// assert_eq!(MaskRule::default().apply(&logits.view())?, array![[[0, 1, 0]]]);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a threshold outside 0..=1, [`InferenceError::TooManyClasses`] for more than 256
    /// channels, [`InferenceError::EmptyImage`] for none.
    pub fn apply(&self, logits: &ArrayView4<f32>) -> Result<Array3<u8>, InferenceError> {
        let (channels, d, h, w) = logits.dim();
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape: Dhw { d, h, w } });
        }
        let reducer = Reducer::new(*self, channels)?;
        let mut mask = Array3::zeros((d, h, w));
        mask.axis_iter_mut(Axis(0)).into_par_iter().zip(logits.axis_iter(Axis(1))).for_each(|(mut plane, logits)| {
            let mut row = reducer.row(w);
            for (y, mut labels) in plane.rows_mut().into_iter().enumerate() {
                row.clear();
                for (channel, logits) in logits.axis_iter(Axis(0)).enumerate() {
                    row.logits.iter_mut().zip(logits.row(y)).for_each(|(to, from)| *to = *from);
                    row.take_channel(channel);
                }
                labels.iter_mut().zip(&row.labels).for_each(|(to, from)| *to = *from);
            }
        });
        Ok(mask)
    }

    /// Checks the parameters.
    pub(crate) fn validate(&self) -> Result<(), InferenceError> {
        if (0.0..=1.0).contains(&self.threshold) {
            Ok(())
        } else {
            Err(InferenceError::parameter("threshold", self.threshold, "has to be from 0 to 1"))
        }
    }
}

/// A [`MaskRule`] for a known number of channels.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reducer {
    /// Foreground from this logit on.
    Threshold { logit: f32 },
    /// The largest of several.
    Argmax,
}

impl Reducer {
    pub(crate) fn new(rule: MaskRule, channels: usize) -> Result<Self, InferenceError> {
        rule.validate()?;
        match channels {
            1 => Ok(Self::Threshold { logit: least_logit(rule.threshold) }),
            2..=256 => Ok(Self::Argmax),
            _ => Err(InferenceError::TooManyClasses { channels }),
        }
    }

    /// Working memory for rows of `width` voxels.
    pub(crate) fn row(self, width: usize) -> RowReducer {
        RowReducer {
            logits: vec![0.0; width],
            labels: vec![0; width],
            best: vec![f32::NEG_INFINITY; if matches!(self, Self::Argmax) { width } else { 0 }],
            reducer: self,
        }
    }
}

/// Reduces one row after the other, channel by channel.
pub(crate) struct RowReducer {
    /// The channel's logits, to be filled before [`take_channel`](RowReducer::take_channel).
    pub(crate) logits: Vec<f32>,
    /// The labels so far.
    pub(crate) labels: Vec<u8>,
    best: Vec<f32>,
    reducer: Reducer,
}

impl RowReducer {
    /// Starts a new row.
    pub(crate) fn clear(&mut self) {
        self.labels.fill(0);
        self.best.fill(f32::NEG_INFINITY);
    }

    /// Takes the row `logits` of channel number `channel` (below 256) into account.
    pub(crate) fn take_channel(&mut self, channel: usize) {
        match self.reducer {
            Reducer::Threshold { logit } => {
                for (label, value) in self.labels.iter_mut().zip(&self.logits) {
                    *label = u8::from(*value >= logit);
                }
            }
            Reducer::Argmax => {
                let number = channel as u8;
                for ((label, best), value) in self.labels.iter_mut().zip(&mut self.best).zip(&self.logits) {
                    if *value > *best {
                        *best = *value;
                        *label = number;
                    }
                }
            }
        }
    }
}

/// The smallest f32 whose sigmoid, rounded to f32, reaches `threshold`: `x >= least_logit(t)` is `sigmoid(x) >= t` without an
/// exponential for every voxel, and the same decision bit by bit, also where the sigmoid rounds to the threshold itself.
/// NaN (which no logit reaches) if there is none.
fn least_logit(threshold: f32) -> f32 {
    if sigmoid(f32::INFINITY) < threshold {
        return f32::NAN;
    }
    let (mut below, mut at_least) = (order(f32::NEG_INFINITY) - 1, order(f32::INFINITY));
    while at_least - below > 1 {
        let middle = below + (at_least - below) / 2;
        if sigmoid(from_order(middle)) >= threshold { at_least = middle } else { below = middle }
    }
    from_order(at_least)
}

/// A number that grows with the float: neighbouring floats are neighbouring numbers, -0 and 0 one number.
fn order(value: f32) -> i64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() { -bits } else { bits }
}

fn from_order(order: i64) -> f32 {
    let magnitude = f32::from_bits(order.unsigned_abs() as u32);
    if order < 0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::{from_order, least_logit, order};
    use crate::activation::sigmoid;

    #[test]
    fn the_least_logit_decides_as_the_sigmoid_does() {
        for threshold in [0.0, 1e-30, 0.01, 0.3, 0.5, 0.7, 0.999, 1.0] {
            let least = least_logit(threshold);
            for x in -4000..4000 {
                let x = x as f32 / 100.0;
                assert_eq!(sigmoid(x) >= threshold, x >= least, "threshold {threshold}, logit {x}");
            }
            for step in -2000..2000 {
                let x =
                    from_order(order(least).saturating_add(step).clamp(order(f32::NEG_INFINITY), order(f32::INFINITY)));
                assert_eq!(sigmoid(x) >= threshold, x >= least, "threshold {threshold}, logit {x:e}");
            }
        }
    }

    #[test]
    fn logits_whose_sigmoid_rounds_to_one_half_are_foreground() {
        let least = least_logit(0.5);
        assert!(least < 0.0 && least > -1e-6, "{least:e}");
    }
}
