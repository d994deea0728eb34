//! The network's settings.

use serde::{Deserialize, Serialize};

use crate::setters::setters;
use crate::{Activation, Norm, UNetError};

/// Kind of a stage's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// Two times convolution, norm, dropout, ReLU (the reference's `UnetTwoLayerBlock`).
    TwoLayer,
    /// A residual unit: ReLU(norm(conv(ReLU(dropout(norm(conv(x)))))) + norm(1×1×1 conv(x))) (`ResTwoLayerConvBlock`).
    ResTwoLayer,
    /// A residual unit and a second one whose shortcut is the identity (`ResFourLayerConvBlock`).
    ResFourLayer,
}

/// The decoder's doubling of the number of voxels along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsample {
    /// Trilinear interpolation with aligned corners.
    Trilinear,
    /// Transposed convolution, kernel 2, stride 2, to the level's own channels.
    Transposed,
}

/// The settings of a [`UNet`](crate::UNet). `Default` is the reference experiments' residual network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNetConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the logits.
    pub out_channels: usize,
    /// Channels of the levels, from full resolution down; each level halves the size. 2 to 8 levels.
    pub channels: Vec<usize>,
    /// Blocks of the encoder and the bottom.
    pub encoder: BlockKind,
    /// Blocks of the decoder.
    pub decoder: BlockKind,
    /// Kernel of the max-pooling, stride 2: 3 (padding 1) or 2.
    pub pool_kernel: usize,
    /// The decoder's upsampling.
    pub upsample: Upsample,
    /// Norm after every convolution of a block.
    pub norm: Norm,
    /// Activation after every norm but a shortcut's.
    pub activation: Activation,
    /// Probability that a channel (or voxel) is dropped in training.
    pub dropout: f64,
    /// Drops whole channels instead of single voxels.
    pub channel_dropout: bool,
    /// Gives the blocks' convolutions a bias; an instance or batch norm behind it makes it irrelevant.
    pub conv_bias: bool,
    /// Gives the last convolution, and those of deep supervision, a bias.
    pub final_bias: bool,
    /// Number of further 1×1×1 convolutions to logits at the decoder's next lower levels, for
    /// [`UNet::forward_deep`](crate::UNet::forward_deep); at most the number of levels less 2.
    pub deep_supervision: usize,
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self {
            in_channels: 1,
            out_channels: 1,
            channels: vec![16, 32, 64, 128, 256],
            encoder: BlockKind::ResTwoLayer,
            decoder: BlockKind::ResTwoLayer,
            pool_kernel: 3,
            upsample: Upsample::Trilinear,
            norm: Norm::default(),
            activation: Activation::default(),
            dropout: 0.2,
            channel_dropout: true,
            conv_bias: false,
            final_bias: false,
            deep_supervision: 0,
        }
    }
}

setters!(UNetConfig {
    with_in_channels: in_channels, usize;
    with_out_channels: out_channels, usize;
    with_channels: channels, Vec<usize>;
    with_encoder: encoder, BlockKind;
    with_decoder: decoder, BlockKind;
    with_pool_kernel: pool_kernel, usize;
    with_upsample: upsample, Upsample;
    with_norm: norm, Norm;
    with_activation: activation, Activation;
    with_dropout: dropout, f64;
    with_channel_dropout: channel_dropout, bool;
    with_conv_bias: conv_bias, bool;
    with_final_bias: final_bias, bool;
    with_deep_supervision: deep_supervision, usize;
});

impl UNetConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`UNetError::Config`] naming the first one.
    pub fn validate(&self) -> Result<(), UNetError> {
        let fail = |what: String| Err(UNetError::Config(what));
        if !(2..=8).contains(&self.channels.len()) {
            return fail(format!("channels needs 2 to 8 levels, not {}", self.channels.len()));
        }
        let all = self.channels.iter().chain([&self.in_channels, &self.out_channels]);
        if let Some(n) = all.copied().find(|n| !(1..=1 << 16).contains(n)) {
            return fail(format!("{n} channels are impossible"));
        }
        if ![2, 3].contains(&self.pool_kernel) {
            return fail(format!("pool_kernel must be 2 or 3, not {}", self.pool_kernel));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(format!("dropout must lie in [0, 1), not {}", self.dropout));
        }
        self.activation.validate()?;
        if self.deep_supervision > self.levels() - 2 {
            return fail(format!(
                "deep_supervision must be at most {} with {} levels, not {}",
                self.levels() - 2,
                self.levels(),
                self.deep_supervision
            ));
        }
        self.norm.validate(self.channels.iter().copied())
    }

    /// Number of levels.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.channels.len()
    }

    /// Sizes are padded to multiples of this: 2 to the number of poolings.
    #[must_use]
    pub fn size_multiple(&self) -> usize {
        1 << (self.levels() - 1)
    }
}
