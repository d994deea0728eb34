//! Weights of a window's voxels.

use half::f16;
use ndarray::{ArrayD, Axis, IxDyn};

/// Largest weight.
const MAXIMUM: f64 = 10.0;
/// Standard deviation as a part of the patch.
const SIGMA: f64 = 1.0 / 8.0;
/// Standard deviations after which the kernel ends.
const TRUNCATE: f64 = 4.0;

/// Weights of the voxels of a patch: nnU-Net's Gaussian in f16, with 10 at the centre `patch / 2` of every axis.
///
/// The standard deviation is an eighth of the patch. Where f16 would have zeros, its smallest value of the map stands.
/// The map has the patch's axes, two or three.
///
/// Source: nnU-Net v2, `compute_gaussian`.
///
/// ```
/// use medseg_nnunet::window::gaussian;
/// let weights = gaussian(&[8, 8]);
/// assert_eq!(weights[[4, 4]].to_f32(), 10.0);
/// assert!(weights[[0, 0]].to_f32() > 0.0);
/// ```
#[must_use]
pub fn gaussian(patch: &[usize]) -> ArrayD<f16> {
    let mut map = ArrayD::<f64>::ones(IxDyn(patch));
    for (axis, size) in patch.iter().enumerate() {
        let kernel = kernel(*size);
        for (mut part, weight) in map.axis_iter_mut(Axis(axis)).zip(kernel) {
            part *= weight;
        }
    }
    let scale = map.fold(0.0_f64, |most, value| most.max(*value)) / MAXIMUM;
    // By way of f32, as PyTorch converts f64 to f16.
    let mut map = map.mapv(|value| f16::from_f32((value / scale) as f32));
    let smallest = map.iter().copied().filter(|value| *value > f16::ZERO).fold(f16::INFINITY, f16::min);
    map.mapv_inplace(|value| if value > f16::ZERO { value } else { smallest });
    map
}

/// The filter's answer to an impulse at `size / 2`.
fn kernel(size: usize) -> Vec<f64> {
    let sigma = size as f64 * SIGMA;
    let radius = (TRUNCATE * sigma + 0.5) as usize;
    let value = |distance: usize| (-0.5 / (sigma * sigma) * (distance * distance) as f64).exp();
    let sum = 1.0 + 2.0 * (1..=radius).map(value).sum::<f64>();
    let centre = size / 2;
    (0..size).map(|at| at.abs_diff(centre)).map(|d| if d <= radius { value(d) / sum } else { 0.0 }).collect()
}
