//! The settings of one stage.

use serde::{Deserialize, Serialize};

use crate::setters::setters;

/// One stage of the encoder, and the kernel and features of the decoder stage of the same resolution.
///
/// Triples are in the order depth, height, width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// Channels of its output, 1 to 4096.
    pub features: usize,
    /// Kernel of its convolutions, odd numbers up to 15. In 2D the first is 1.
    pub kernel: [usize; 3],
    /// Stride of its first convolution or block, 1 to 8. In 2D the first is 1.
    pub stride: [usize; 3],
    /// Number of convolutions, or of residual blocks, 1 to 64.
    pub blocks: usize,
    /// Channels inside a block of [`EncoderKind::Bottleneck`](crate::EncoderKind::Bottleneck), which needs them.
    #[serde(default)]
    pub bottleneck_channels: Option<usize>,
}

impl StageConfig {
    /// A stage of two convolutions or blocks with kernel 3×3×3.
    #[must_use]
    pub fn new(features: usize, stride: [usize; 3]) -> Self {
        Self { features, kernel: [3; 3], stride, blocks: 2, bottleneck_channels: None }
    }
}

setters!(StageConfig {
    with_features: features, usize;
    with_kernel: kernel, [usize; 3];
    with_stride: stride, [usize; 3];
    with_blocks: blocks, usize;
    with_bottleneck_channels: bottleneck_channels, Option<usize>;
});
