//! Max-pooling over 3D windows.

pub(crate) mod composed;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "extension")]
mod extension;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod rows;
#[cfg(feature = "flex")]
mod scatter;

use burn::tensor::Tensor;

/// Largest value of each `kernel`³ window of `x` `[batch, channel, depth, height, width]`.
///
/// Windows start every `stride` voxels from `-padding`; padding acts as minus infinity and a window that would reach
/// further than the padding is left out, so that a side `n` becomes `(n + 2 padding - kernel) / stride + 1`, rounded
/// down. Where several voxels of a window share the maximum, the first in depth, height, width order receives the
/// gradient. A NaN in a window makes its maximum NaN. The same as PyTorch's `MaxPool3d`.
///
/// # Panics
/// When `kernel` or `stride` is 0, when `padding` exceeds half the kernel, or when a padded side is smaller than the
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
        return extension::max_pool3d(x, Window::new(kernel, stride, padding));
    }
    composed::max_pool3d(x, kernel, stride, padding)
}

/// A cubic pooling window, the same along every axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Window {
    /// Checks the numbers as [`max_pool3d`] documents them.
    fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        assert!(kernel > 0 && stride > 0, "max_pool3d: kernel {kernel} and stride {stride} must be at least 1");
        assert!(padding <= kernel / 2, "max_pool3d: padding {padding} is more than half the kernel {kernel}");
        Self { kernel, stride, padding }
    }

    /// Number of windows along a side of `side` voxels.
    fn count(self, side: usize) -> usize {
        let padded = side + 2 * self.padding;
        assert!(
            side > 0 && padded >= self.kernel,
            "max_pool3d: a side of {side} voxels (padding {}) is smaller than the kernel {}",
            self.padding,
            self.kernel
        );
        (padded - self.kernel) / self.stride + 1
    }

    /// First voxel of window `number` along an axis, and the part of the kernel that lies inside a side of `side`
    /// voxels: from the returned offset on.
    #[cfg(feature = "flex")]
    fn taps(self, number: usize, side: usize) -> (usize, std::ops::Range<usize>) {
        let start = number * self.stride;
        let first = self.padding.saturating_sub(start);
        let last = (side + self.padding - start).min(self.kernel);
        (start + first - self.padding, first..last)
    }
}
