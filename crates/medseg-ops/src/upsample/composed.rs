//! Trilinear enlargement out of Burn's own operations: one axis after the other.

use super::axis::sources;
use burn::tensor::{Int, Tensor};

/// [`upsample_trilinear2x`](crate::upsample_trilinear2x) composed of Burn's own tensor operations; runs and
/// differentiates on every backend.
///
/// # Panics
/// When a side is 0.
pub fn upsample_trilinear2x(x: Tensor<5>, align_corners: bool) -> Tensor<5> {
    [4, 3, 2].into_iter().fold(x, |x, axis| double_along(x, axis, align_corners))
}

/// Doubles one axis by linear interpolation.
fn double_along(x: Tensor<5>, axis: usize, align_corners: bool) -> Tensor<5> {
    let sources = sources(x.dims()[axis], align_corners);
    let (device, dtype) = (x.device(), x.dtype());
    let at = |position: fn(&super::axis::Source) -> usize| {
        let positions: Vec<i64> = sources.iter().map(|s| position(s) as i64).collect();
        x.clone().select(axis, Tensor::<1, Int>::from_data(positions.as_slice(), &device))
    };
    let weights: Vec<f32> = sources.iter().map(|s| s.weight).collect();
    let mut shape = [1; 5];
    shape[axis] = weights.len();
    let weight = Tensor::<1>::from_floats(weights.as_slice(), &device).cast(dtype).reshape(shape);
    at(|s| s.low) * (1.0 - weight.clone()) + at(|s| s.high) * weight
}
