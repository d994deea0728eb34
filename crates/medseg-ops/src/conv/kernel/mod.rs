//! Convolutions on channel-first f32 arrays, for Burn's Flex backend.
//!
//! - [`winograd`] is the 3×3×3 convolution with its gradients, [`pointwise`] the 1×1×1 one with its, both with stride 1;
//!   [`strided`] is any other one.
//! - A [`Source`](source::Source) says where the input is read, and how it is changed on the way in: normalised and
//!   rectified, enlarged, joined from two tensors. A [`Sink`](sink::Sink) says where the output goes.
//! - [`lanes`] holds the vectors of each instruction set, which the kernels are written in.
//!
//! Every output value is computed by one task in an order that depends on the shapes alone, so results do not depend on
//! the number of threads.

mod dots;
mod lanes;
mod mix;
mod pointwise;
mod shared;
mod sink;
mod source;
mod strided;
#[cfg(test)]
mod tests;
mod winograd;

pub(super) use lanes::best_path;
pub(super) use pointwise::{pointwise, pointwise_weight_gradient, pointwise_weights};
pub(super) use sink::Sink;
pub(super) use source::{Part, Read, Scale, Source};
pub(super) use strided::{Geometry, strided, strided_weight_gradient, strided_weights, transposed};
pub(super) use winograd::{Arithmetic, Use, transformed, winograd, winograd_weight_gradient};
