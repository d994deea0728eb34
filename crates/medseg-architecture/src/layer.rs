//! The layers that blocks are made of.

use serde::{Deserialize, Serialize};

/// One layer, with PyTorch's meaning of its numbers. Triples are `[depth, height, width]`.
///
/// Convolutions, poolings and upsamplings change the size by whole factors: with the kernel `k`, the padding `p` and the
/// stride `s`, `k - 2p` lies between 1 and `s`; in a transposed convolution `k - 2p` and the output padding add up to `s`.
/// With `k - 2p` = 1 a size that is no multiple is divided and rounded up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// Cross-correlation with zero padding. Weight `[out, in, kernel]`.
    Conv {
        /// Channels of the output; if not given, those of the stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channels: Option<usize>,
        /// Size of the kernel.
        kernel: [usize; 3],
        /// Step between windows.
        #[serde(default = "ones", skip_serializing_if = "is_ones")]
        stride: [usize; 3],
        /// Zeros added at both ends; if not given, `(kernel - 1) / 2`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        padding: Option<[usize; 3]>,
        /// Adds a bias to each channel.
        #[serde(default, skip_serializing_if = "is_false")]
        bias: bool,
    },
    /// Transposed convolution. Weight `[in, out, kernel]`.
    TransposedConv {
        /// Channels of the output; if not given, those of the stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channels: Option<usize>,
        /// Size of the kernel.
        kernel: [usize; 3],
        /// Factor by which the size grows.
        stride: [usize; 3],
        /// Voxels cut from both ends.
        #[serde(default, skip_serializing_if = "is_zeros")]
        padding: [usize; 3],
        /// Voxels added at the far end.
        #[serde(default, skip_serializing_if = "is_zeros")]
        output_padding: [usize; 3],
        /// Adds a bias to each channel.
        #[serde(default, skip_serializing_if = "is_false")]
        bias: bool,
    },
    /// Every channel of every image to mean 0 and variance 1 (Ulyanov et al. 2016).
    InstanceNorm {
        /// Adds a weight and a bias a channel.
        #[serde(default, skip_serializing_if = "is_false")]
        affine: bool,
        /// Added to the variance.
        #[serde(default = "eps", skip_serializing_if = "is_eps")]
        eps: f64,
    },
    /// Every channel of the batch in training, by running statistics in prediction (Ioffe and Szegedy 2015).
    BatchNorm {
        /// Added to the variance.
        #[serde(default = "eps", skip_serializing_if = "is_eps")]
        eps: f64,
        /// Share of a batch's statistics in the running ones, in (0, 1].
        #[serde(default = "momentum", skip_serializing_if = "is_momentum")]
        momentum: f64,
    },
    /// Every group of neighbouring channels of every image, with a weight and a bias a channel (Wu and He 2018).
    GroupNorm {
        /// Number of groups, a divisor of the channels.
        groups: usize,
        /// Added to the variance.
        #[serde(default = "eps", skip_serializing_if = "is_eps")]
        eps: f64,
    },
    /// max(x, 0).
    #[serde(deserialize_with = "no_fields")]
    Relu,
    /// x above 0, slope · x below.
    LeakyRelu {
        /// In [0, 1).
        slope: f64,
    },
    /// x above 0, weight · x below, with a learned weight (He et al. 2015).
    Prelu {
        /// A weight for each channel instead of one for all.
        #[serde(default, skip_serializing_if = "is_false")]
        per_channel: bool,
    },
    /// x above 0, exp(x) - 1 below (Clevert et al. 2015).
    #[serde(deserialize_with = "no_fields")]
    Elu,
    /// x · Φ(x), with the exact error function.
    #[serde(deserialize_with = "no_fields")]
    Gelu,
    /// x · sigmoid(x).
    #[serde(deserialize_with = "no_fields")]
    Silu,
    /// Largest value of each window.
    MaxPool {
        /// Voxels of a window along every axis.
        kernel: usize,
        /// Step between windows along every axis.
        stride: usize,
        /// Voxels of minus infinity at both ends.
        #[serde(default, skip_serializing_if = "is_zero")]
        padding: usize,
    },
    /// Mean of windows that touch and do not overlap.
    AveragePool {
        /// Size of a window, and the step.
        kernel: [usize; 3],
    },
    /// Trilinear interpolation on twice as many voxels along every axis.
    Upsample {
        /// True if the corner voxels of both grids coincide.
        align_corners: bool,
    },
    /// Trilinear interpolation on the grid of half as many strides, that of a skip connection: PyTorch's `interpolate` with
    /// a size. It is [`Upsample`](Self::Upsample) where sizes are even, and makes networks of such layers take any size.
    UpsampleToGrid {
        /// True if the corner voxels of both grids coincide.
        align_corners: bool,
    },
    /// Sets channels, or voxels, to 0 in training. Predictions are not changed.
    Dropout {
        /// Share that is set to 0, in [0, 1).
        p: f64,
        /// Whole channels instead of single voxels.
        #[serde(default, skip_serializing_if = "is_false")]
        whole_channels: bool,
    },
}

impl Layer {
    /// A convolution of an odd kernel that leaves the size as it is, without bias, to the stage's channels.
    #[must_use]
    pub fn conv(kernel: [usize; 3]) -> Self {
        Self::Conv { channels: None, kernel, stride: [1; 3], padding: None, bias: false }
    }

    /// A 1×1×1 convolution with bias: the last one of most networks.
    #[must_use]
    pub fn head(channels: usize) -> Self {
        Self::Conv { channels: Some(channels), kernel: [1; 3], stride: [1; 3], padding: None, bias: true }
    }

    /// An instance norm without parameters.
    #[must_use]
    pub fn instance_norm() -> Self {
        Self::InstanceNorm { affine: false, eps: eps() }
    }

    /// A batch norm with PyTorch's settings.
    #[must_use]
    pub fn batch_norm() -> Self {
        Self::BatchNorm { eps: eps(), momentum: momentum() }
    }

    /// True if the layer divides a size that is no multiple of its stride too, rounded up, or restores it.
    pub(crate) fn rounds(&self, axis: usize) -> bool {
        match self {
            Self::Conv { kernel, stride, padding, .. } => {
                stride[axis] == 1 || kernel[axis] == 2 * padding.map_or(0, |padding| padding[axis]) + 1
            }
            Self::MaxPool { kernel, stride, padding } => *stride == 1 || *kernel == 2 * padding + 1,
            Self::AveragePool { kernel } => kernel[axis] == 1,
            Self::TransposedConv { stride, .. } => stride[axis] == 1,
            Self::Upsample { .. } => false,
            _ => true,
        }
    }

    /// True for a layer with weights or running statistics.
    #[must_use]
    pub fn has_parameters(&self) -> bool {
        match self {
            Self::Conv { .. }
            | Self::TransposedConv { .. }
            | Self::BatchNorm { .. }
            | Self::GroupNorm { .. }
            | Self::Prelu { .. } => true,
            Self::InstanceNorm { affine, .. } => *affine,
            _ => false,
        }
    }
}

/// Refuses the fields of a layer that has none, which serde would leave unread.
fn no_fields<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct None {}
    None::deserialize(deserializer).map(|None {}| ())
}

fn ones() -> [usize; 3] {
    [1; 3]
}

fn eps() -> f64 {
    1e-5
}

fn momentum() -> f64 {
    0.1
}

fn is_ones(value: &[usize; 3]) -> bool {
    *value == [1; 3]
}

fn is_zeros(value: &[usize; 3]) -> bool {
    *value == [0; 3]
}

fn is_zero(value: &usize) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::float_cmp, reason = "the default is written as nothing, every other number as it is")]
fn is_eps(value: &f64) -> bool {
    *value == eps()
}

#[expect(clippy::float_cmp, reason = "the default is written as nothing, every other number as it is")]
fn is_momentum(value: &f64) -> bool {
    *value == momentum()
}
