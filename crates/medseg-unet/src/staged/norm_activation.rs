//! The norm and the activation behind a convolution.

use burn::tensor::Tensor;
use medseg_ops::{NormRelu, Precision, norm_add_relu, norm_relu};

use super::StagedUNetConfig;
use crate::conv::{Conv, StageInput};
use crate::{Activation, Norm};

/// Runs norm and activation, in the fused operations of `medseg-ops` where they do both: an instance norm before a ReLU or
/// leaky ReLU.
#[derive(Clone, Copy, Debug)]
pub(super) struct NormActivation {
    norm: Norm,
    eps: f64,
    activation: Activation,
    activation_first: bool,
}

impl NormActivation {
    pub fn new(config: &StagedUNetConfig) -> Self {
        let StagedUNetConfig { norm, eps, activation, activation_first, .. } = *config;
        Self { norm, eps, activation, activation_first }
    }

    /// Norm and activation of `conv`'s output x.
    pub fn apply(self, conv: &Conv, x: Tensor<5>) -> Tensor<5> {
        match self.fused(conv) {
            Some(norm) => norm_relu(x, norm),
            None if self.activation_first => conv.normalised(self.activation.apply(x)),
            None => self.activation.apply(conv.normalised(x)),
        }
    }

    /// The convolution `next` of norm and activation of `conv`'s output x.
    pub fn apply_and_convolve(self, conv: &Conv, x: Tensor<5>, next: &Conv, precision: Precision) -> Tensor<5> {
        match self.fused(conv) {
            Some(norm) => next.forward_rectified(x, norm, precision),
            None => next.forward(StageInput::One(self.apply(conv, x)), precision),
        }
    }

    /// The activation of the sum of two normalised branches, each with the convolution that made it.
    pub fn sum(self, branches: [(&Conv, Tensor<5>); 2]) -> Tensor<5> {
        match self.slope() {
            Some(slope) => norm_add_relu(branches.map(|(conv, x)| (x, conv.norm_affine())), slope, self.eps),
            None => {
                let [a, b] = branches.map(|(conv, x)| conv.normalised(x));
                self.activation.apply(a + b)
            }
        }
    }

    /// The activation of `conv`'s normalised output x and a shortcut without a norm.
    pub fn sum_with(self, conv: &Conv, x: Tensor<5>, shortcut: Tensor<5>) -> Tensor<5> {
        self.activation.apply(conv.normalised(x) + shortcut)
    }

    /// The activation's slope below 0, if the fused operations take norm and activation.
    pub fn slope(self) -> Option<f64> {
        let fused = matches!(self.norm, Norm::Instance { .. }) && !self.activation_first;
        self.activation.slope().filter(|_| fused)
    }

    pub fn is_leaky(self) -> bool {
        matches!(self.activation, Activation::LeakyRelu { .. })
    }

    fn fused(self, conv: &Conv) -> Option<NormRelu> {
        Some(NormRelu { affine: conv.norm_affine(), factors: None, slope: self.slope()?, eps: self.eps })
    }
}
