//! The settings of a network that is described stage by stage.

use serde::{Deserialize, Serialize};

use super::StageConfig;
use crate::setters::setters;
use crate::{Activation, Norm, UNetError};

/// Kind of the encoder's stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderKind {
    /// Convolution, norm and activation, again and again; the first convolution of a stage has the stride.
    /// nnU-Net's `PlainConvUNet`.
    Plain,
    /// Blocks of two convolutions with a shortcut, behind one convolution called the stem. nnU-Net's
    /// `ResidualEncoderUNet` with `BasicBlockD`.
    ///
    /// The shortcut is that of ResNet-D (He et al. 2019, Bag of Tricks for Image Classification): the average over each
    /// stride. Where the number of channels changes, a 1×1×1 convolution without bias and a norm follow.
    Residual,
    /// As [`Residual`](Self::Residual), with a 1×1×1 convolution before and one behind a single convolution that has the
    /// kernel and the stride. nnU-Net's `BottleneckD`.
    Bottleneck,
}

/// Order of the channels that a decoder stage concatenates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcatOrder {
    /// Upsampled channels, then those of the skip connection, as in nnU-Net.
    #[default]
    UpsampledFirst,
    /// Channels of the skip connection, then the upsampled ones.
    SkipFirst,
}

/// The settings of a [`StagedUNet`](crate::StagedUNet).
///
/// `Default` is a plain 3D network for one channel and two classes, as nnU-Net plans it for isotropic data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StagedUNetConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the logits.
    pub out_channels: usize,
    /// Axes of the images: 3, or 2 for images of depth 1.
    pub dimensions: usize,
    /// Kind of the encoder's stages.
    pub encoder: EncoderKind,
    /// Stages of the encoder from the highest resolution down, 2 to 12.
    pub stages: Vec<StageConfig>,
    /// Channels of the stem of an encoder with shortcuts; if not given, the features of the first stage.
    pub stem_channels: Option<usize>,
    /// Convolutions of each decoder stage, **from the lowest resolution up**, one number less than stages.
    pub decoder_convs: Vec<usize>,
    /// Order of the channels that a decoder stage concatenates.
    pub concat: ConcatOrder,
    /// Norm of every block's convolution.
    pub norm: Norm,
    /// Added to the variance in every norm.
    pub eps: f64,
    /// Activation of every block.
    pub activation: Activation,
    /// Puts the activation before the norm, in plain blocks only. nnU-Net's `nonlin_first`.
    pub activation_first: bool,
    /// Gives convolutions and transposed convolutions a bias. Those to logits always have one, shortcuts never. Right before
    /// an instance norm a bias is of no effect, and costs nothing.
    pub conv_bias: bool,
}

impl Default for StagedUNetConfig {
    fn default() -> Self {
        let stage = |(level, features)| StageConfig::new(features, if level == 0 { [1; 3] } else { [2; 3] });
        Self {
            in_channels: 1,
            out_channels: 2,
            dimensions: 3,
            encoder: EncoderKind::Plain,
            stages: [32, 64, 128, 256, 320, 320].into_iter().enumerate().map(stage).collect(),
            stem_channels: None,
            decoder_convs: vec![2; 5],
            concat: ConcatOrder::default(),
            norm: Norm::Instance { affine: true },
            eps: 1e-5,
            activation: Activation::LeakyRelu { slope: 0.01 },
            activation_first: false,
            conv_bias: true,
        }
    }
}

setters!(StagedUNetConfig {
    with_in_channels: in_channels, usize;
    with_out_channels: out_channels, usize;
    with_dimensions: dimensions, usize;
    with_encoder: encoder, EncoderKind;
    with_stages: stages, Vec<StageConfig>;
    with_stem_channels: stem_channels, Option<usize>;
    with_decoder_convs: decoder_convs, Vec<usize>;
    with_concat: concat, ConcatOrder;
    with_norm: norm, Norm;
    with_eps: eps, f64;
    with_activation: activation, Activation;
    with_activation_first: activation_first, bool;
    with_conv_bias: conv_bias, bool;
});

impl StagedUNetConfig {
    /// Number of voxels along `[depth, height, width]` that sizes of images must be multiples of: the product of the
    /// stages' strides.
    #[must_use]
    pub fn size_multiple(&self) -> [usize; 3] {
        let along = |axis: usize| self.stages.iter().fold(1, |m: usize, stage| m.saturating_mul(stage.stride[axis]));
        [along(0), along(1), along(2)]
    }

    /// Refuses images that have a depth if the network is one in 2D.
    pub(super) fn check_depth(&self, depth: usize) -> Result<(), UNetError> {
        if self.dimensions == 2 && depth != 1 {
            return Err(UNetError::Input(format!("a depth of {depth} instead of 1 for a network in 2 dimensions")));
        }
        Ok(())
    }
}
