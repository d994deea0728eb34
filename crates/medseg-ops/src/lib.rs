#![doc = include_str!("../README.md")]

mod channel_map;
#[cfg(feature = "extension")]
mod checkpoints;
mod concat;
mod conv;
#[cfg(feature = "cube")]
mod cube;
mod dropout;
#[cfg(feature = "flex")]
mod flex_values;
#[cfg(feature = "extension")]
mod kernels;
#[cfg(feature = "flex")]
mod known_sums;
mod memory;
mod multiples;
mod norm;
mod pool;
mod precision;
mod resize;
mod upsample;

pub use channel_map::{ChannelMap, Mapped, Scale, channel_map, channel_map_runs, conv3d_mapped, norm_map};
pub use concat::{Upsample, concat, conv3d_makes_concat};
pub use conv::{ConvOptions, Precision, conv_transpose3d, conv3d, conv3d_concat, norm_relu_conv3d};
pub use dropout::{dropout, dropout_factors, dropout3d};
pub use memory::release_memory;
pub use multiples::pad_to_multiples;
pub use norm::{NormRelu, RunningStatistics, batch_norm3d, group_norm3d, instance_norm3d, norm_add_relu, norm_relu};
pub use pool::max_pool3d;
pub use resize::resize_trilinear3d;
pub use upsample::upsample_trilinear2x;

/// The operations of this crate out of Burn's own tensor operations, for every backend.
pub mod composed {
    pub use crate::conv::composed::{conv_transpose3d, conv3d, conv3d_concat, norm_relu_conv3d};
    pub use crate::norm::composed::{instance_norm3d, norm_add_relu, norm_relu};
    pub use crate::pool::composed::max_pool3d;
    pub use crate::upsample::composed::upsample_trilinear2x;
}
