//! From logits to probabilities.

use ndarray::{Array4, Axis, Zip};
use serde::{Deserialize, Serialize};

/// Turns a network's logits `[channel, depth, height, width]` into probabilities (MONAI's `Activations`). No logit is so
/// large that the result is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probabilities {
    /// 1 / (1 + e^-x), for channels that do not exclude each other.
    Sigmoid,
    /// e^x over the sum of all channels, for channels that do.
    Softmax,
}

impl Probabilities {
    /// The usual ones for this many channels: sigmoid for one, softmax for several.
    #[must_use]
    pub fn usual(channels: usize) -> Self {
        if channels == 1 { Self::Sigmoid } else { Self::Softmax }
    }

    /// Makes probabilities in place; NaN stays NaN.
    pub fn apply(self, logits: &mut Array4<f32>) {
        match self {
            Self::Sigmoid => logits.par_mapv_inplace(|x| {
                // Of the absolute value, whose exponential cannot overflow.
                let small = (-x.abs()).exp();
                if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
            }),
            Self::Softmax => Zip::from(logits.lanes_mut(Axis(0))).par_for_each(|mut lane| {
                let highest = lane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                lane.mapv_inplace(|x| (x - highest).exp());
                let sum = lane.sum();
                lane.mapv_inplace(|x| x / sum);
            }),
        }
    }
}

/// The larger of each value and 0, in place; NaN stays NaN.
pub fn relu(values: &mut Array4<f32>) {
    values.par_mapv_inplace(|x| if x < 0.0 { 0.0 } else { x });
}
