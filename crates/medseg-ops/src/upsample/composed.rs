//! Trilinear upsampling out of Burn's own operations: one axis after the other.

use burn::tensor::{Int, Tensor};
use medseg_kernels::upsample::Axis;

/// [`upsample_trilinear2x`](crate::upsample_trilinear2x) composed of Burn's own tensor operations; runs and
/// differentiates on every backend.
///
/// # Panics
/// When an axis has no voxels.
pub fn upsample_trilinear2x(x: Tensor<5>, align_corners: bool) -> Tensor<5> {
    [4, 3, 2].into_iter().fold(x, |x, axis| double_along(x, axis, align_corners))
}

/// Doubles one axis by linear interpolation.
fn double_along(x: Tensor<5>, axis: usize, align_corners: bool) -> Tensor<5> {
    let length = x.dims()[axis];
    let doubled = Axis::new(length, align_corners);
    let sources: Vec<[(usize, f32); 2]> = (0..2 * length).map(|output| doubled.sources(output)).collect();
    let mut shape = [1; 5];
    shape[axis] = sources.len();
    let part = |which: usize| {
        let voxels: Vec<i64> = sources.iter().map(|pair| pair[which].0 as i64).collect();
        let weights: Vec<f32> = sources.iter().map(|pair| pair[which].1).collect();
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &x.device()).cast(x.dtype()).reshape(shape);
        x.clone().select(axis, Tensor::<1, Int>::from_data(voxels.as_slice(), &x.device())) * weights
    };
    part(0) + part(1)
}
