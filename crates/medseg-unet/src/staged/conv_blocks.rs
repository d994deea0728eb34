//! Convolutions, each with norm and activation behind it.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::Precision;

use super::StagedUNetConfig;
use super::norm_activation::NormActivation;
use crate::conv::{Conv, StageInput};
use crate::layout::ConvLayout;
use crate::parameters::Parameters;

/// At least one convolution, each with norm and activation.
#[derive(Debug, Module)]
pub(super) struct ConvBlocks {
    first: Conv,
    rest: Vec<Conv>,
    #[module(skip)]
    then: NormActivation,
}

impl ConvBlocks {
    pub fn new(layout: &[ConvLayout], config: &StagedUNetConfig, parameters: &mut Parameters, device: &Device) -> Self {
        let [first, rest @ ..] = layout else { unreachable!("settings are checked: a stage has a convolution") };
        let mut conv = |layout: &ConvLayout| Conv::new(layout, parameters, device);
        Self { first: conv(first), rest: rest.iter().map(conv).collect(), then: NormActivation::new(config) }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d / stride, h / stride, w / stride]`.
    pub fn forward(&self, x: StageInput, precision: Precision) -> Tensor<5> {
        let (last, y) = self.before_last_norm(x, precision);
        self.then.apply(last, y)
    }

    /// The last convolution, and its output before norm and activation.
    pub fn before_last_norm(&self, x: StageInput, precision: Precision) -> (&Conv, Tensor<5>) {
        let mut last = &self.first;
        let mut y = last.forward(x, precision);
        for conv in &self.rest {
            y = self.then.apply_and_convolve(last, y, conv, precision);
            last = conv;
        }
        (last, y)
    }

    pub fn then(&self) -> NormActivation {
        self.then
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        [&self.first].into_iter().chain(&self.rest)
    }
}
