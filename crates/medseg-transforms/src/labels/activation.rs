//! From logits to probabilities.

use ndarray::{Array4, Axis, Zip};
use serde::{Deserialize, Serialize};

/// What turns a network's output `[channel, depth, height, width]` into probabilities (MONAI's `Activations`). No logit is
/// so large that the result is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// 1 / (1 + e^-x), for channels that do not exclude each other.
    Sigmoid,
    /// e^x over the sum of all channels, for channels that do.
    Softmax,
    /// The larger of x and 0.
    Relu,
}

impl Activation {
    /// Applies it in place; NaN stays NaN.
    pub fn apply(self, logits: &mut Array4<f32>) {
        match self {
            Self::Sigmoid => logits.par_mapv_inplace(|x| {
                // Of the absolute value, whose exponential cannot overflow.
                let small = (-x.abs()).exp();
                if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
            }),
            Self::Relu => logits.par_mapv_inplace(|x| if x < 0.0 { 0.0 } else { x }),
            Self::Softmax => Zip::from(logits.lanes_mut(Axis(0))).par_for_each(|mut lane| {
                let highest = lane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                lane.mapv_inplace(|x| (x - highest).exp());
                let sum = lane.sum();
                lane.mapv_inplace(|x| x / sum);
            }),
        }
    }
}
