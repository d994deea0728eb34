//! Max-pooling on GPUs, by CubeCL: a unit for every output value, or for every few channels of one.
//!
//! The gradient is gathered: the unit of an input voxel looks at the windows that cover it, so no two units write to
//! the same place and the order of every sum is fixed.

use super::extension::{PoolBackend, PoolGradBackend};
use crate::cube::{LINE, Place, Units, channels_first, channels_last, empty, line, place, places};
use burn::backend::cubecl::dtype_to_storage_type;
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;
use medseg_kernels::MaxPool3d;

/// Loops over larger kernels are not unrolled.
const UNROLLED_KERNEL: usize = 3;

impl PoolBackend for CubeBackend {
    fn max_pool3d(x: FloatTensor<Self>, window: MaxPool3d) -> FloatTensor<Self> {
        let x = channels_last(x);
        let Shapes { batch, output, channels, .. } = Shapes::new(&x, window);
        let [depth, height, width] = output;
        let out = empty(&x, [batch, depth, height, width, channels], x.dtype);
        let line = line(&[&x, &out], 0);
        let units = out.meta.num_elements() / line;
        let Units { count, dim, address } = Units::new(units, &[&x, &out]);
        let dtype = dtype_to_storage_type(x.dtype);
        // SAFETY: every unit below `units` reads voxels inside `x` and writes its own line of `out`, of which there are
        // as many as units.
        unsafe {
            maxima::launch_unchecked(
                &out.client,
                count,
                dim,
                address,
                line,
                x.into_tensor_arg(),
                out.clone().into_tensor_arg(),
                places(output, channels / line),
                units,
                window,
                dtype,
            );
        }
        channels_first(out)
    }
}

impl PoolGradBackend for CubeBackend {
    fn max_pool3d_indexed(x: FloatTensor<Self>, window: MaxPool3d) -> (FloatTensor<Self>, IntTensor<Self>) {
        let x = channels_last(x);
        let Shapes { batch, output, channels, .. } = Shapes::new(&x, window);
        let ([depth, height, width], groups) = (output, groups(channels));
        let out = empty(&x, [batch, depth, height, width, channels], x.dtype);
        let index = empty(&x, [batch, depth, height, width, groups], DType::U32);
        let line = line(&[&x, &out], 0);
        let units = index.meta.num_elements();
        let Units { count, dim, address } = Units::new(units, &[&x, &out, &index]);
        let dtype = dtype_to_storage_type(x.dtype);
        // SAFETY: every unit below `units` reads voxels inside `x` and writes its own value of `index`, of which there
        // are as many as units, and those of its channels that there are of `out`.
        unsafe {
            numbered_maxima::launch_unchecked(
                &out.client,
                count,
                dim,
                address,
                line,
                x.into_tensor_arg(),
                out.clone().into_tensor_arg(),
                index.clone().into_tensor_arg(),
                places(output, groups),
                units,
                window,
                dtype,
            );
        }
        (channels_first(out), channels_first(index))
    }

    fn max_pool3d_grad(
        grad: FloatTensor<Self>,
        index: IntTensor<Self>,
        input: Shape,
        window: MaxPool3d,
    ) -> FloatTensor<Self> {
        let (grad, index) = (channels_last(grad), channels_last(index));
        let [batch, channels, depth, height, width] = input.dims();
        let out = empty(&grad, [batch, depth, height, width, channels], grad.dtype);
        let (line, groups) = (line(&[&grad, &out], 0), groups(channels));
        let units = batch * depth * height * width * groups;
        let Units { count, dim, address } = Units::new(units, &[&grad, &index, &out]);
        let dtype = dtype_to_storage_type(grad.dtype);
        // SAFETY: every unit below `units` reads windows inside `grad` and `index`, and writes those of its channels
        // that there are of its own voxel of `out`.
        unsafe {
            gathered::launch_unchecked(
                &out.client,
                count,
                dim,
                address,
                line,
                grad.into_tensor_arg(),
                index.into_tensor_arg(),
                out.clone().into_tensor_arg(),
                places([depth, height, width], groups),
                units,
                window,
                dtype,
            );
        }
        channels_first(out)
    }
}

/// Shape of the index that `max_pool3d_indexed` returns beside maxima of this shape: u32 of four bytes each, one for each of four channels,
/// the first in the lowest.
#[cfg(feature = "fusion")]
pub(super) fn index_spec(maxima: &TensorSpec) -> TensorSpec {
    let [batch, channels, shape @ ..] = maxima.shape.dims::<5>();
    let [depth, height, width] = shape;
    TensorSpec::new(Shape::new([batch, groups(channels), depth, height, width]), DType::U32)
}

/// Values of the index for the channels of a voxel.
fn groups(channels: usize) -> usize {
    channels.div_ceil(LINE)
}

/// Shapes of a pooling operation on a channels-last tensor.
struct Shapes {
    batch: usize,
    output: [usize; 3],
    channels: usize,
}

impl Shapes {
    fn new(x: &CubeTensor, window: MaxPool3d) -> Self {
        let [batch, depth, height, width, channels] = x.meta.shape().dims();
        Self { batch, output: [depth, height, width].map(|length| window.count(length)), channels }
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn maxima<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    shape: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] window: MaxPool3d,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &shape);
    let (best, _) = window_maximum::<E, N>(x, &at, at.group * x.vector_size(), window);
    out[ABSOLUTE_POS] = Vector::cast_from(best);
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn numbered_maxima<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    index: &mut Tensor<u32>,
    shape: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] window: MaxPool3d,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &shape);
    let (channels, line) = (x.shape(4), x.vector_size());
    let mut numbers = 0u32;
    #[unroll]
    for part in 0..comptime!(LINE / line) {
        let channel = at.group * LINE + part * line;
        if channel < channels {
            let (best, tap) = window_maximum::<E, N>(x, &at, channel, window);
            out[(at.voxel * channels + channel) / line] = Vector::cast_from(best);
            #[unroll]
            for lane in 0..line {
                numbers |= tap.extract(lane) << comptime!(8 * (part * line + lane) as u32);
            }
        }
    }
    index[ABSOLUTE_POS] = numbers;
}

/// The maximum of window `at`, and the number of its voxel in the window, for the channels from `channel` on.
#[cube]
fn window_maximum<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    at: &Place,
    channel: usize,
    #[comptime] window: MaxPool3d,
) -> (Vector<f32, N>, Vector<u32, N>) {
    let kernel = comptime!(window.kernel());
    let line = x.vector_size();
    let start = at.batch * x.stride(0) + channel * x.stride(4);
    let depth = along(at.z, x.shape(1), x.stride(1), window);
    let height = along(at.y, x.shape(2), x.stride(2), window);
    let width = along(at.x, x.shape(3), x.stride(3), window);

    // The first voxel that does not lie in the padding.
    let first = start + depth.offset(depth.first) + height.offset(height.first) + width.offset(width.first);
    let mut best = Vector::<f32, N>::cast_from(x[first / line]);
    let number = (depth.first * kernel + height.first) * kernel + width.first;
    let mut tap = Vector::<u32, N>::cast_from(number as u32);
    #[unroll(kernel <= UNROLLED_KERNEL)]
    for a in 0..kernel {
        #[unroll(kernel <= UNROLLED_KERNEL)]
        for b in 0..kernel {
            #[unroll(kernel <= UNROLLED_KERNEL)]
            for c in 0..kernel {
                if depth.holds(a) && height.holds(b) && width.holds(c) {
                    let voxel = start + depth.offset(a) + height.offset(b) + width.offset(c);
                    let value = Vector::<f32, N>::cast_from(x[voxel / line]);
                    let better = value.greater_than(&best).or(value.is_nan());
                    best = select_many(better, value, best);
                    tap = select_many(better, Vector::cast_from(((a * kernel + b) * kernel + c) as u32), tap);
                }
            }
        }
    }
    (best, tap)
}

/// A window along one axis.
#[derive(CubeType)]
struct Along {
    /// Position of its first voxel, counted from the padding's first.
    start: usize,
    /// Its first voxel that does not lie in the padding.
    first: usize,
    length: usize,
    stride: usize,
    #[cube(comptime)]
    padding: usize,
}

#[cube]
fn along(number: usize, length: usize, stride: usize, #[comptime] window: MaxPool3d) -> Along {
    let padding = comptime!(window.padding());
    let start = number * comptime!(window.stride());
    Along { start, first: max(start, padding) - start, length, stride, padding }
}

#[cube]
impl Along {
    /// True if a voxel of the window lies inside the volume.
    fn holds(&self, tap: usize) -> bool {
        if comptime!(self.padding == 0) {
            true.runtime()
        } else {
            let position = self.start + tap;
            position >= self.padding && position < self.length + self.padding
        }
    }

    /// Distance in memory of such a voxel from the first of the axis.
    fn offset(&self, tap: usize) -> usize {
        (self.start + tap - self.padding) * self.stride
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn gathered<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    index: &Tensor<u32>,
    out: &mut Tensor<Vector<E, N>>,
    shape: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] window: MaxPool3d,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &shape);
    let (channels, line) = (out.shape(4), out.vector_size());
    #[unroll]
    for part in 0..comptime!(LINE / line) {
        let channel = at.group * LINE + part * line;
        if channel < channels {
            let sum = voxel_grad::<E, N>(grad, index, &at, channel, comptime!(part * line), window);
            out[(at.voxel * channels + channel) / line] = Vector::cast_from(sum);
        }
    }
}

/// The gradients of those windows that have their maximum at voxel `at`, for the channels from `channel` on, whose
/// numbers begin at byte `byte` of the index.
#[cube]
fn voxel_grad<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    index: &Tensor<u32>,
    at: &Place,
    channel: usize,
    #[comptime] byte: usize,
    #[comptime] window: MaxPool3d,
) -> Vector<f32, N> {
    let kernel = comptime!(window.kernel());
    // As many windows as can cover a voxel, along each axis.
    let covering = comptime!(window.kernel().div_ceil(window.stride()));
    let line = grad.vector_size();
    let depth = covered(at.z, grad.shape(1), window);
    let height = covered(at.y, grad.shape(2), window);
    let width = covered(at.x, grad.shape(3), window);
    let start = at.batch * grad.stride(0) + channel * grad.stride(4);
    let index_start = at.batch * index.stride(0) + at.group * index.stride(4);

    let mut sum = Vector::<f32, N>::zero();
    #[unroll(covering <= 2)]
    for a in 0..covering {
        #[unroll(covering <= 2)]
        for b in 0..covering {
            #[unroll(covering <= 2)]
            for c in 0..covering {
                if depth.has(a) && height.has(b) && width.has(c) {
                    let (z, y, x) = (depth.last - a, height.last - b, width.last - c);
                    let numbers = index[index_start + z * index.stride(1) + y * index.stride(2) + x * index.stride(3)];
                    let mut number = Vector::<u32, N>::zero();
                    #[unroll]
                    for lane in 0..line {
                        number.insert(lane, (numbers >> comptime!(8 * (byte + lane) as u32)) & 255u32);
                    }
                    let here = (depth.tap(a) * kernel + height.tap(b)) * kernel + width.tap(c);
                    let offset = start + z * grad.stride(1) + y * grad.stride(2) + x * grad.stride(3);
                    let value = Vector::<f32, N>::cast_from(grad[offset / line]);
                    let mine = number.equal(&Vector::cast_from(here as u32));
                    sum += select_many(mine, value, Vector::zero());
                }
            }
        }
    }
    sum
}

/// The windows that cover a voxel, along one axis.
#[derive(CubeType)]
struct Covered {
    /// Number of the last window that begins at or before the voxel.
    last: usize,
    /// Position of the voxel in that window, if it lies there.
    tap: usize,
    /// Number of windows along the axis.
    windows: usize,
    #[cube(comptime)]
    window: MaxPool3d,
}

#[cube]
fn covered(voxel: usize, windows: usize, #[comptime] window: MaxPool3d) -> Covered {
    let position = voxel + comptime!(window.padding());
    let last = position / comptime!(window.stride());
    Covered { last, tap: position - last * comptime!(window.stride()), windows, window }
}

#[cube]
impl Covered {
    /// Position of the voxel in the window `before` the last one.
    fn tap(&self, before: usize) -> usize {
        self.tap + before * comptime!(self.window.stride())
    }

    /// True if there is such a window and it covers the voxel.
    fn has(&self, before: usize) -> bool {
        self.last >= before && self.last - before < self.windows && self.tap(before) < comptime!(self.window.kernel())
    }
}
