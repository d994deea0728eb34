//! Trilinear interpolation to any size.

use burn::tensor::{Int, Tensor, TensorData};

use crate::upsample_trilinear2x;

/// Resizes `x` `[batch, channel, depth, height, width]` by trilinear interpolation, as PyTorch's `interpolate` with a size.
///
/// To twice the size it is [`upsample_trilinear2x`]; other sizes are interpolated axis by axis with Burn's own operations.
///
/// ```
/// use burn::tensor::{Device, Tensor};
///
/// let x = Tensor::<1>::from_floats([0.0, 4.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let y: Vec<f32> = medseg_ops::resize_trilinear3d(x, [1, 1, 3], true).into_data().try_to_vec().unwrap();
/// assert_eq!(y, [0.0, 2.0, 4.0]);
/// ```
///
/// # Panics
/// If a size is 0.
#[must_use]
pub fn resize_trilinear3d(x: Tensor<5>, size: [usize; 3], align_corners: bool) -> Tensor<5> {
    let [_, _, from @ ..] = x.dims();
    assert!(from.iter().chain(&size).all(|n| *n > 0), "resize_trilinear3d: from {from:?} to {size:?} voxels");
    if from.map(|n| 2 * n) == size {
        return upsample_trilinear2x(x, align_corners);
    }
    (0..3).fold(x, |x, axis| along(x, axis + 2, size[axis], align_corners))
}

/// Interpolates along one dimension.
fn along(x: Tensor<5>, dim: usize, size: usize, align_corners: bool) -> Tensor<5> {
    let from = x.dims()[dim];
    if from == size {
        return x;
    }
    let (device, dtype) = (x.device(), x.dtype());
    let at = |output: usize| match align_corners {
        true => output as f64 * (from - 1) as f64 / (size - 1).max(1) as f64,
        false => ((output as f64 + 0.5) * from as f64 / size as f64 - 0.5).max(0.0),
    };
    let low: Vec<usize> = (0..size).map(|output| (at(output) as usize).min(from - 1)).collect();
    let indices = |of: &dyn Fn(usize) -> usize| {
        let values: Vec<i32> = low.iter().map(|low| of(*low) as i32).collect();
        Tensor::<1, Int>::from_data(TensorData::new(values, [size]), &device)
    };
    let weights: Vec<f32> = low.iter().enumerate().map(|(output, low)| (at(output) - *low as f64) as f32).collect();
    let mut shape = [1; 5];
    shape[dim] = size;
    let weight = Tensor::<1>::from_data(TensorData::new(weights, [size]), &device).cast(dtype).reshape(shape);
    let first = x.clone().select(dim, indices(&|low| low));
    let second = x.select(dim, indices(&|low| (low + 1).min(from - 1)));
    first.clone() + (second - first) * weight
}
