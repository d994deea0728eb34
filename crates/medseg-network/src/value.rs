//! Results of operations, and operations that wait for their reader.

use burn::tensor::Tensor;
use medseg_ops::{ChannelMap, NormRelu, channel_map, instance_norm3d, norm_relu, resize_trilinear3d};

/// The result of a node. All but [`Ready`](Self::Ready) wait: a reader that can do the rest of the work while it reads never
/// has the tensor made.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "made and read at once")]
pub(crate) enum Value {
    /// A tensor.
    Ready(Tensor<5>),
    /// A tensor and a norm and a ReLU with known numbers, in predictions on the CPU.
    Mapped(Tensor<5>, ChannelMap),
    /// A tensor and an instance norm. The slope is 1 until a ReLU follows.
    Normed(Tensor<5>, NormRelu),
    /// A tensor that is to be upsampled to a size, with or without aligned corners.
    Upsampled(Tensor<5>, [usize; 3], bool),
    /// Channels of several.
    Concat(Vec<Value>),
}

impl Value {
    /// The tensor.
    pub fn tensor(self) -> Tensor<5> {
        match self {
            Self::Ready(x) => x,
            Self::Mapped(x, map) => channel_map(x, &map),
            Self::Normed(x, norm) if is_identity(norm.slope) => instance_norm3d(x, norm.affine, norm.eps),
            Self::Normed(x, norm) => norm_relu(x, norm),
            Self::Upsampled(x, size, align_corners) => resize_trilinear3d(x, size, align_corners),
            Self::Concat(values) => Tensor::cat(values.into_iter().map(Self::tensor).collect(), 1),
        }
    }

    /// The tensor, and a linear map that waits for it; the map has no slope yet.
    pub fn linear(self) -> (Tensor<5>, ChannelMap) {
        match self {
            Self::Mapped(x, map) if map.0.iter().all(|row| is_identity(f64::from(row.slope))) => (x, map),
            other => {
                let x = other.tensor();
                let [batch, channels, ..] = x.dims();
                (x, ChannelMap::identity(batch * channels))
            }
        }
    }
}

/// True if the size is twice that of x.
pub(crate) fn is_doubled(x: &Tensor<5>, size: [usize; 3]) -> bool {
    let [_, _, from @ ..] = x.dims();
    from.map(|n| 2 * n) == size
}

/// True for the slope of no ReLU.
#[expect(clippy::float_cmp, reason = "1 is set, not computed")]
pub(crate) fn is_identity(slope: f64) -> bool {
    slope == 1.0
}
