//! Max-pooling and its gradient.

mod planes;
mod scatter;

use std::ops::Range;

use rayon::prelude::*;

use planes::PlanePool;
use scatter::Scatter;

/// Output planes that one task makes; it repeats at most `kernel - 1` planes of work of its neighbour.
const PLANES_PER_TASK: usize = 16;

/// Max-pooling with a cubic window, the same along every axis, as PyTorch's `MaxPool3d`.
///
/// Padding acts as minus infinity. Where voxels share the maximum, the first in depth, height, width order counts. A NaN
/// in a window makes its maximum NaN. Tensors are any number of channels of `[depth, height, width]`.
///
/// ```
/// use medseg_kernels::MaxPool3d;
///
/// let pool = MaxPool3d::new(2, 2, 0);
/// let (x, mut y, mut index) = ([1.0, 4.0, 3.0, 2.0], [0.0; 1], [0; 1]);
/// let x = [x, [0.0; 4]].concat();
/// pool.forward_indexed(&x, [2, 2, 2], &mut y, &mut index);
/// assert_eq!((y, index), ([4.0], [1]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool3d {
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl MaxPool3d {
    /// The largest kernel whose voxels a byte can number.
    pub const LARGEST_INDEXED_KERNEL: usize = 6;

    /// A window of `kernel`³ voxels every `stride` voxels, the first of them at `-padding`.
    ///
    /// # Panics
    /// If kernel or stride is 0, or the padding more than half the kernel.
    #[must_use]
    pub fn new(kernel: usize, stride: usize, padding: usize) -> Self {
        assert!(kernel > 0 && stride > 0, "max-pooling: kernel {kernel} and stride {stride} must be at least 1");
        assert!(padding <= kernel / 2, "max-pooling: padding {padding} is more than half the kernel {kernel}");
        Self { kernel, stride, padding }
    }

    /// Voxels of a window along each axis.
    #[must_use]
    pub const fn kernel(self) -> usize {
        self.kernel
    }

    /// Voxels from one window to the next.
    #[must_use]
    pub const fn stride(self) -> usize {
        self.stride
    }

    /// Voxels of padding on either side.
    #[must_use]
    pub const fn padding(self) -> usize {
        self.padding
    }

    /// Number of windows along an axis of `size` voxels: `(size + 2 padding - kernel) / stride + 1`, rounded down.
    ///
    /// # Panics
    /// If the padded size is smaller than the kernel, or the size 0.
    #[must_use]
    pub fn count(self, size: usize) -> usize {
        let Self { kernel, stride, padding } = self;
        let padded = size + 2 * padding;
        assert!(
            size > 0 && padded >= kernel,
            "max-pooling: {size} voxels (padding {padding}) are fewer than the kernel's {kernel}"
        );
        (padded - kernel) / stride + 1
    }

    /// Output shape for an input of this shape.
    ///
    /// # Panics
    /// As [`count`](Self::count).
    #[must_use]
    pub fn output_shape(self, shape: [usize; 3]) -> [usize; 3] {
        shape.map(|size| self.count(size))
    }

    /// Writes the maxima of every channel of `x` to `out`; `shape` is that of a channel.
    ///
    /// # Panics
    /// If the lengths do not agree.
    pub fn forward(self, x: &[f32], shape: [usize; 3], out: &mut [f32]) {
        let Sizes { voxels, out_voxels, plane, .. } = self.sizes(x.len(), shape, out.len());
        out.par_chunks_mut(out_voxels).zip(x.par_chunks(voxels)).for_each(|(out, channel)| {
            out.par_chunks_mut(PLANES_PER_TASK * plane).enumerate().for_each(|(task, out)| {
                let mut pool = PlanePool::<false>::new(channel, shape, self);
                for (number, best) in out.chunks_mut(plane).enumerate() {
                    pool.plane(task * PLANES_PER_TASK + number, best, &mut []);
                }
            });
        });
    }

    /// As [`forward`](Self::forward); also writes each maximum's number within its window to `index`.
    ///
    /// # Panics
    /// If the lengths do not agree, or the kernel is larger than
    /// [`LARGEST_INDEXED_KERNEL`](Self::LARGEST_INDEXED_KERNEL).
    pub fn forward_indexed(self, x: &[f32], shape: [usize; 3], out: &mut [f32], index: &mut [u8]) {
        let Sizes { voxels, out_voxels, plane, .. } = self.sizes(x.len(), shape, out.len());
        assert_eq!(index.len(), out.len(), "index values");
        assert!(self.kernel <= Self::LARGEST_INDEXED_KERNEL, "a byte cannot number a kernel of {}", self.kernel);
        (out.par_chunks_mut(out_voxels), index.par_chunks_mut(out_voxels))
            .into_par_iter()
            .zip(x.par_chunks(voxels))
            .for_each(|((out, index), channel)| {
                (out.par_chunks_mut(PLANES_PER_TASK * plane), index.par_chunks_mut(PLANES_PER_TASK * plane))
                    .into_par_iter()
                    .enumerate()
                    .for_each(|(task, (out, index))| {
                        let mut pool = PlanePool::<true>::new(channel, shape, self);
                        for (number, (best, at)) in out.chunks_mut(plane).zip(index.chunks_mut(plane)).enumerate() {
                            pool.plane(task * PLANES_PER_TASK + number, best, at);
                        }
                    });
            });
    }

    /// Writes the gradient of the input, of channels of `shape`, to `out`: each maximum's gradient goes to its voxel.
    /// Sums over overlapping windows are made in f64 and rounded once.
    ///
    /// # Panics
    /// If the lengths do not agree, or `index` is not what [`forward_indexed`](Self::forward_indexed) wrote.
    pub fn input_grad(self, grad: &[f32], index: &[u8], shape: [usize; 3], out: &mut [f32]) {
        let Sizes { voxels, out_voxels, output_shape, .. } = self.sizes(out.len(), shape, grad.len());
        assert_eq!(index.len(), grad.len(), "index values");
        out.fill(0.0);
        out.par_chunks_mut(voxels)
            .zip(grad.par_chunks(out_voxels).zip(index.par_chunks(out_voxels)))
            .for_each(|(out, (grad, index))| Scatter { window: self, grad, index, output_shape, shape }.run(out));
    }

    /// Checks that `len` and `out_len` values are the same number of channels.
    fn sizes(self, len: usize, shape: [usize; 3], out_len: usize) -> Sizes {
        let output_shape = self.output_shape(shape);
        let [voxels, out_voxels] = [shape, output_shape].map(|shape| shape.iter().product::<usize>());
        let channels = len / voxels;
        assert_eq!((len, out_len), (channels * voxels, channels * out_voxels), "values of input and output");
        Sizes { voxels, out_voxels, plane: output_shape[1] * output_shape[2], output_shape }
    }

    /// First voxel of window `number` along an axis, and the part of the kernel that lies inside `size` voxels.
    fn taps(self, number: usize, size: usize) -> (usize, Range<usize>) {
        let start = number * self.stride;
        let first = self.padding.saturating_sub(start);
        let last = (size + self.padding - start).min(self.kernel);
        (start + first - self.padding, first..last)
    }
}

/// Sizes of one channel.
struct Sizes {
    voxels: usize,
    out_voxels: usize,
    /// Voxels of a plane of the output.
    plane: usize,
    output_shape: [usize; 3],
}
