//! Convolutions of any kernel, stride and padding, and their transposes, by im2col: for what the faster kernels lack.
//!
//! A task takes a few rows of the result. For every channel and tap it copies the values under that tap into one row of a
//! matrix, and multiplies the rows by the weights like a 1×1×1 convolution. A stride above 1 costs nothing more: values
//! where no window begins are not copied. The transpose (also the gradient of the input) does the same for each phase of
//! the positions, that is their remainder by the stride: the positions of one phase share their taps.

mod forward;
mod geometry;
#[cfg(test)]
mod tests;
mod transposed;
mod weight_grad;

pub(crate) use forward::{im2col, packed_weights};
pub(crate) use geometry::Geometry;
pub(crate) use transposed::transposed;
pub(crate) use weight_grad::im2col_weight_grad;
