//! A block of the encoder.

use burn::module::Module;
use burn::tensor::{Device, Tensor, module};
use medseg_ops::Precision;

use super::StagedUNetConfig;
use super::conv_blocks::ConvBlocks;
use super::layout::BlockLayout;
use crate::conv::{Conv, StageInput};
use crate::parameters::Parameters;

/// Convolutions with norm and activation; with a shortcut it is `BasicBlockD` or `BottleneckD` of nnU-Net.
#[derive(Debug, Module)]
pub(super) struct EncoderBlock {
    convs: ConvBlocks,
    projection: Option<Conv>,
    /// Stride of the shortcut's average, if the block has a shortcut.
    #[module(skip)]
    shortcut: Option<[usize; 3]>,
}

impl EncoderBlock {
    pub fn new(layout: &BlockLayout, config: &StagedUNetConfig, parameters: &mut Parameters, device: &Device) -> Self {
        let convs = ConvBlocks::new(&layout.convs, config, parameters, device);
        let shortcut = layout.shortcut.as_ref();
        let projection = shortcut.and_then(|shortcut| shortcut.projection.as_ref());
        let projection = projection.map(|layout| Conv::new(layout, parameters, device));
        Self { convs, projection, shortcut: shortcut.map(|shortcut| shortcut.pool) }
    }

    /// `[batch, in, d, h, w]` to `[batch, out, d / stride, h / stride, w / stride]`.
    pub fn forward(&self, x: Tensor<5>, precision: Precision) -> Tensor<5> {
        let Some(stride) = self.shortcut else { return self.convs.forward(StageInput::One(x), precision) };
        let (last, main) = self.convs.before_last_norm(StageInput::One(x.clone()), precision);
        let shortcut = average(x, stride);
        let then = self.convs.then();
        match &self.projection {
            Some(projection) => {
                let shortcut = projection.forward(StageInput::One(shortcut), precision);
                then.sum([(last, main), (projection, shortcut)])
            }
            None => then.sum_with(last, main, shortcut),
        }
    }

    /// The convolutions in the layout's order.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        self.convs.convs().chain(&self.projection)
    }
}

/// Means of boxes as large as the stride; sizes are multiples of it.
fn average(x: Tensor<5>, stride: [usize; 3]) -> Tensor<5> {
    if stride == [1; 3] {
        return x;
    }
    let [_, _, d, h, w] = x.dims();
    module::adaptive_avg_pool3d(x, [d / stride[0], h / stride[1], w / stride[2]])
}
