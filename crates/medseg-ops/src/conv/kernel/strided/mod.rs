//! Convolutions of any kernel, stride and padding, and their transposes: for what the faster kernels do not cover.
//!
//! A task takes a few rows of the result. For every channel and tap it copies the values that meet there into one row,
//! side by side, and multiplies these rows by the weights like a 1×1×1 convolution. A stride above 1 costs nothing more:
//! the copy leaves out what no window begins at. The transpose (the gradient of the input, too) does the same for each
//! phase of the positions, that is their remainder by the stride: the positions of one phase meet the same taps.

mod forward;
mod geometry;
#[cfg(test)]
mod tests;
mod transposed;
mod weight_gradient;

pub(in super::super) use forward::{strided, strided_weights};
pub(in super::super) use geometry::Geometry;
pub(in super::super) use transposed::transposed;
pub(in super::super) use weight_gradient::strided_weight_gradient;
