//! Max-pooling over 3D windows.

pub(crate) mod composed;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "extension")]
mod extension;
#[cfg(feature = "flex")]
mod flex;

use burn::tensor::Tensor;
use medseg_kernels::MaxPool3d;

/// Largest value of each `kernel`³ window of `x` `[batch, channel, depth, height, width]`.
///
/// Windows start every `stride` voxels from `-padding`; padding acts as minus infinity and a window that would reach
/// further than the padding is left out, so that `n` voxels become `(n + 2 padding - kernel) / stride + 1`, rounded
/// down. Where several voxels of a window share the maximum, the first in depth, height, width order receives the
/// gradient. A NaN in a window makes its maximum NaN. The same as PyTorch's `MaxPool3d`.
///
/// # Panics
/// When `kernel` or `stride` is 0, when `padding` exceeds half the kernel, or when a padded axis is shorter than the
/// kernel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<5>::ones([1, 4, 8, 8, 7], &Device::flex());
/// assert_eq!(medseg_ops::max_pool3d(x, 3, 2, 1).dims(), [1, 4, 4, 4, 4]);
/// ```
pub fn max_pool3d(x: Tensor<5>, kernel: usize, stride: usize, padding: usize) -> Tensor<5> {
    #[cfg(feature = "extension")]
    if extension::covers(&x, kernel) {
        return extension::max_pool3d(x, MaxPool3d::new(kernel, stride, padding));
    }
    composed::max_pool3d(x, kernel, stride, padding)
}
