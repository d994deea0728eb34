//! A stage of the decoder.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use medseg_ops::{Precision, Upsample};

use super::config::{ConcatOrder, StagedUNetConfig};
use super::conv_blocks::ConvBlocks;
use super::layout::DecoderLayout;
use crate::conv::{Conv, StageInput};
use crate::parameters::Parameters;

/// A transposed convolution, the convolutions of the concatenated channels, and one to logits.
#[derive(Debug, Module)]
pub(super) struct DecoderStage {
    up: Conv,
    convs: ConvBlocks,
    head: Conv,
    #[module(skip)]
    concat: ConcatOrder,
}

impl DecoderStage {
    pub fn new(
        layout: &DecoderLayout,
        config: &StagedUNetConfig,
        parameters: &mut Parameters,
        device: &Device,
    ) -> Self {
        Self {
            up: Conv::new(&layout.up, parameters, device),
            convs: ConvBlocks::new(&layout.convs, config, parameters, device),
            head: Conv::new(&layout.head, parameters, device),
            concat: config.concat,
        }
    }

    /// `[batch, below, d, h, w]` and a skip connection `[batch, out, d · stride, ...]` to the latter's shape.
    pub fn forward(&self, below: Tensor<5>, skip: Tensor<5>, precision: Precision) -> Tensor<5> {
        let up = self.up.forward_transposed(below);
        // The operation puts what it calls the skip connection first.
        let (skip, below) = match self.concat {
            ConcatOrder::UpsampledFirst => (up, skip),
            ConcatOrder::SkipFirst => (skip, up),
        };
        self.convs.forward(StageInput::Concat { skip, below, upsample: Upsample::No }, precision)
    }

    /// Logits of the stage's output.
    pub fn logits(&self, x: Tensor<5>) -> Tensor<5> {
        self.head.logits(x)
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        [&self.up].into_iter().chain(self.convs.convs()).chain([&self.head])
    }
}
