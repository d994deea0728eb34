//! From logits to labels.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView4, Axis, parallel::prelude::*};
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use crate::probabilities::sigmoid;

/// The rule by which logits become a mask of u8 labels.
///
/// One channel: 1 where `sigmoid(logit) >= threshold`, else 0. Several channels: the number of the largest, the first one on
/// ties (`argmax`; softmax would not change it). NaN never wins: a voxel whose every logit is NaN is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
        self.apply_to(logits, Scores::Logits)
    }

    /// As [`apply`](Self::apply), for logits or probabilities.
    pub(crate) fn apply_to(&self, logits: &ArrayView4<f32>, scores: Scores) -> Result<Array3<u8>, InferenceError> {
        let (channels, d, h, w) = logits.dim();
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape: Dhw { d, h, w } });
        }
        let reducer = Reducer::new(*self, scores, channels)?;
        let mut mask = Array3::zeros((d, h, w));
        mask.axis_iter_mut(Axis(0)).into_par_iter().zip(logits.axis_iter(Axis(1))).for_each(|(mut plane, logits)| {
            let (mut scores, mut labels, mut best) = (vec![0.0; w], vec![0; w], reducer.best(w));
            for (y, mut to) in plane.rows_mut().into_iter().enumerate() {
                for (channel, logits) in logits.axis_iter(Axis(0)).enumerate() {
                    scores.iter_mut().zip(logits.row(y)).for_each(|(to, from)| *to = *from);
                    reducer.take(channel, &scores, &mut best, &mut labels);
                }
                to.iter_mut().zip(&labels).for_each(|(to, from)| *to = *from);
            }
        });
        Ok(mask)
    }

    /// The smallest score that is foreground; NaN if none is.
    pub(crate) fn least(&self, scores: Scores) -> f32 {
        match scores {
            Scores::Logits => least_logit(self.threshold),
            Scores::Probabilities => self.threshold,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a threshold outside 0..=1.
    pub fn validate(&self) -> Result<(), InferenceError> {
        if (0.0..=1.0).contains(&self.threshold) {
            Ok(())
        } else {
            Err(InferenceError::parameter("threshold", self.threshold, "must be from 0 to 1"))
        }
    }
}

/// The kind of numbers that a rule is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scores {
    Logits,
    Probabilities,
}

/// A [`MaskRule`] for a known number of channels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reducer {
    /// Foreground from this score on.
    Threshold { least: f32 },
    /// The largest of several.
    Argmax,
}

impl Reducer {
    pub(crate) fn new(rule: MaskRule, scores: Scores, channels: usize) -> Result<Self, InferenceError> {
        rule.validate()?;
        match channels {
            1 => Ok(Self::Threshold { least: rule.least(scores) }),
            2..=256 => Ok(Self::Argmax),
            _ => Err(InferenceError::TooManyClasses { channels }),
        }
    }

    /// Room for the largest scores of `len` voxels; none where they are not needed.
    pub(crate) fn best(self, len: usize) -> Vec<f32> {
        match self {
            Self::Threshold { .. } => Vec::new(),
            Self::Argmax => vec![0.0; len],
        }
    }

    /// Takes channel number `channel` (below 256, ascending from 0) of some voxels into account. `best` and `labels` carry the
    /// state from channel to channel; channel 0 sets them.
    pub(crate) fn take(self, channel: usize, scores: &[f32], best: &mut [f32], labels: &mut [u8]) {
        match self {
            Self::Threshold { least } => {
                for (label, score) in labels.iter_mut().zip(scores) {
                    *label = u8::from(*score >= least);
                }
            }
            Self::Argmax if channel == 0 => {
                labels.fill(0);
                for (best, score) in best.iter_mut().zip(scores) {
                    *best = score.max(f32::NEG_INFINITY);
                }
            }
            Self::Argmax => {
                let number = channel as u8;
                for ((label, best), score) in labels.iter_mut().zip(best).zip(scores) {
                    let larger = *score > *best;
                    *best = if larger { *score } else { *best };
                    *label = if larger { number } else { *label };
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
    use crate::probabilities::sigmoid;

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
