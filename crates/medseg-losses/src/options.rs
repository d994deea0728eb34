//! Options that several losses share.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Activation that turns logits into probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossActivation {
    /// One independent probability for each channel: binary and multi-label segmentation.
    #[default]
    Sigmoid,
    /// LossActivation over the channels that add up to 1: one class for each voxel. No effect on a single channel.
    Softmax,
    /// The input holds probabilities already; `none` in files.
    #[serde(rename = "none")]
    Given,
}

/// Reduction of the losses of all samples and classes to one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their plain mean, also with class weights.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

impl Reduction {
    pub(crate) fn apply<const D: usize>(self, losses: Tensor<D>) -> Tensor<1> {
        match self {
            Self::Mean => losses.mean(),
            Self::Sum => losses.sum(),
        }
    }
}
