//! Trilinear upsampling to twice the size, and its gradient.

mod axis;
mod planes;

use rayon::prelude::*;

pub use axis::Axis;
use planes::{Gatherer, Upsampler};

/// Output planes that one task makes; it repeats at most two input planes of work of its neighbours.
const PLANES_PER_TASK: usize = 32;

/// Doubles depth, height and width of every channel of `x` by trilinear interpolation, as PyTorch's
/// `Upsample(scale_factor=2, mode="trilinear")`. `shape` `[depth, height, width]` is that of a channel of `x`; `out`
/// holds eight times as many values.
///
/// # Panics
/// If the lengths do not agree or a size is 0.
///
/// ```
/// let mut y = [0.0; 16];
/// medseg_kernels::upsample_trilinear2x(&[0.0, 3.0], [1, 1, 2], true, &mut y);
/// assert!(y[..4].iter().zip([0.0, 1.0, 2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-6));
/// ```
pub fn upsample_trilinear2x(x: &[f32], shape: [usize; 3], align_corners: bool, out: &mut [f32]) {
    let (axes, voxels) = checked(shape, align_corners, x.len(), out.len());
    let plane = 4 * shape[1] * shape[2];
    out.par_chunks_mut(8 * voxels).zip(x.par_chunks(voxels)).for_each(|(out, channel)| {
        out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
            let mut upsampler = Upsampler::new(&axes, channel);
            for (number, out) in out.chunks_mut(plane).enumerate() {
                upsampler.plane(task * PLANES_PER_TASK + number, out);
            }
        });
    });
}

/// Writes the gradient of the input of [`upsample_trilinear2x`], of channels of `shape`, given that of its output.
///
/// # Panics
/// If the lengths do not agree or a size is 0.
pub fn upsample_trilinear2x_grad(grad: &[f32], shape: [usize; 3], align_corners: bool, out: &mut [f32]) {
    let (axes, voxels) = checked(shape, align_corners, out.len(), grad.len());
    let plane = shape[1] * shape[2];
    out.par_chunks_mut(voxels).zip(grad.par_chunks(8 * voxels)).for_each(|(out, channel)| {
        out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
            let mut gatherer = Gatherer::new(&axes, channel);
            for (number, out) in out.chunks_mut(plane).enumerate() {
                gatherer.plane(task * PLANES_PER_TASK + number, out);
            }
        });
    });
}

/// The axes and voxels of a channel, if `small` and `large` values are the same number of channels.
fn checked(shape: [usize; 3], align_corners: bool, small: usize, large: usize) -> ([Axis; 3], usize) {
    let axes = shape.map(|size| Axis::new(size, align_corners));
    let voxels = shape.iter().product::<usize>();
    assert!(small.is_multiple_of(voxels) && large == 8 * small, "{small} and {large} values for channels of {shape:?}");
    (axes, voxels)
}
