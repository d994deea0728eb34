//! Convolutions of tensors `[batch, channel, depth, height, width]`, their transposes and their gradients.
//!
//! [`Conv3d`] chooses one of three algorithms: Winograd's for 3×3×3 with stride 1, a matrix product a voxel for 1×1×1,
//! and direct sums, a region at a time, for every other kernel and stride. A [`Source`] is the input and may change values
//! on the way in; a [`Sink`] is the output.
//!
//! Every output value is computed by one task in an order that depends on the shapes alone, so results do not depend on
//! the number of threads.

mod amx;
mod arithmetic;
mod conv3d;
mod direct;
mod dots;
mod gemm;
mod pointwise;
mod self_check;
mod shared;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod winograd;
mod words;

pub use arithmetic::Arithmetic;
pub use conv3d::{Algorithm, Conv3d, InputGrad};
pub use sink::Sink;
pub use source::{Part, Read, Scale, Source};
