//! Max-pooling out of Burn's own operations: one axis after the other.

use burn::tensor::{Int, Tensor};
use medseg_kernels::MaxPool3d;

/// [`max_pool3d`](crate::max_pool3d) composed of Burn's own tensor operations; runs and differentiates on every backend.
///
/// # Panics
/// As [`max_pool3d`](crate::max_pool3d).
pub fn max_pool3d(x: Tensor<5>, kernel: usize, stride: usize, padding: usize) -> Tensor<5> {
    let window = MaxPool3d::new(kernel, stride, padding);
    // Innermost axis first: the first maximum of the first row of the first plane is the first in scan order.
    [4, 3, 2].into_iter().fold(x, |x, axis| max_along(x, axis, window))
}

/// Maximum over the windows of one axis, gradient to the first of equals.
fn max_along(x: Tensor<5>, axis: usize, window: MaxPool3d) -> Tensor<5> {
    let length = x.dims()[axis];
    let count = window.count(length);
    let tap = |offset: usize| {
        // Positions in the padding repeat the nearest voxel of the same window, which changes no maximum.
        let positions: Vec<i64> = (0..count)
            .map(|o| (o * window.stride() + offset).saturating_sub(window.padding()).min(length - 1) as i64)
            .collect();
        x.clone().select(axis, Tensor::<1, Int>::from_data(positions.as_slice(), &x.device()))
    };
    (1..window.kernel()).fold(tap(0), |best, offset| {
        let candidate = tap(offset);
        let better = candidate.clone().greater(best.clone()).bool_or(candidate.clone().is_nan());
        best.mask_where(better, candidate)
    })
}
