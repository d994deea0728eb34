//! Networks that nnU-Net plans.

/// A U-Net of nnU-Net. Per-axis numbers are in the order of the arrays after the plans' transpose.
///
/// Source: `PlainConvUNet` and `ResidualEncoderUNet` of dynamic-network-architectures 0.4.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Spatial axes: 2 or 3.
    pub dimensions: usize,
    /// Encoder, with its convolutions or blocks a stage.
    pub encoder: Encoder,
    /// Channels of each stage, from the full resolution down; their number is that of the stages, two at least.
    pub features: Vec<usize>,
    /// Kernel size of each stage along each axis, odd. The padding is half of it.
    pub kernels: Vec<Vec<usize>>,
    /// Stride of the first convolution of each stage along each axis. That of the first stage is 1.
    pub strides: Vec<Vec<usize>>,
    /// Convolutions of each decoder stage, from the deepest up; one stage fewer than the encoder's.
    pub decoder_convs: Vec<usize>,
    /// True if convolutions have a bias. Shortcuts never have, the last convolutions always.
    pub conv_bias: bool,
    /// Normalisation layer of every block.
    pub norm: Norm,
    /// Nonlinearity of every block.
    pub nonlinearity: Nonlinearity,
}

/// Encoder of a U-Net.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoder {
    /// `PlainConvUNet`: each stage is a chain of convolution blocks.
    Plain {
        /// Convolutions of each stage.
        convs: Vec<usize>,
        /// True if the nonlinearity comes before the normalisation, in the decoder too.
        nonlinearity_first: bool,
    },
    /// `ResidualEncoderUNet`: a convolution block as stem, then each stage is a chain of residual blocks.
    Residual {
        /// Blocks of each stage.
        blocks: Vec<usize>,
        /// Kind of the blocks.
        block: ResidualBlock,
        /// Channels of the stem.
        stem_channels: usize,
    },
}

/// A residual block after ResNet-D: its shortcut pools by the stride, then changes the channels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResidualBlock {
    /// `BasicBlockD`: two convolutions of the stage's kernel.
    Basic,
    /// `BottleneckD`: a pointwise convolution, one of the stage's kernel, and a pointwise one.
    Bottleneck {
        /// Channels between them, of each stage.
        channels: Vec<usize>,
    },
}

/// Normalisation layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Kind of the layer.
    pub kind: NormKind,
    /// Number added to the variance.
    pub eps: f64,
    /// True if it has a weight and a bias for each channel.
    pub affine: bool,
}

/// Kind of a normalisation layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormKind {
    /// Statistics of each channel of the patch itself.
    Instance,
    /// Statistics of the training.
    Batch,
}

/// Nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Nonlinearity {
    /// Negative values are multiplied by the slope.
    LeakyRelu {
        /// The slope.
        slope: f64,
    },
    /// Negative values become 0.
    Relu,
}

impl Architecture {
    /// Number of the encoder's stages.
    #[must_use]
    pub fn stages(&self) -> usize {
        self.features.len()
    }
}
