//! Trilinear upsampling on GPUs, by CubeCL, and its gradient, gathered: no two units write to the same place, and the
//! order of every sum is fixed.
//!
//! Both think in gaps of the input grid, as [`Axis`](medseg_kernels::upsample::Axis) does: gap `b` lies between voxels `b - 1` and `b`
//! of an axis and holds the doubled axis' voxels `2 b - 1` and `2 b`.

use super::extension::{UpsampleBackend, UpsampleGradBackend};
use crate::cube::{Units, channels_first, channels_last, empty, line, place, places};
use burn::backend::cubecl::dtype_to_storage_type;
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

/// Input voxels along depth whose gradient one unit gathers; it reads two planes of its neighbour's.
const RUN: usize = 4;
/// Input voxels along height and along width whose gradient one unit gathers.
const TILE: usize = 2;

impl UpsampleBackend for CubeBackend {
    fn upsample_trilinear2x(x: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let x = channels_last(x);
        let [batch, depth, height, width, channels] = x.meta.shape().dims();
        let out = empty(&x, [batch, 2 * depth, 2 * height, 2 * width, channels], x.dtype);
        upsample_into(x, &out, 0, align_corners);
        channels_first(out)
    }
}

impl UpsampleGradBackend for CubeBackend {
    fn upsample_trilinear2x_grad(grad: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let grad = channels_last(grad);
        let [.., channels] = grad.meta.shape().dims::<5>();
        channels_first(upsample_grad(grad, 0, channels, align_corners))
    }
}

/// Writes `x`, upsampled, to the channels of `out` from `first` on; both channels-last.
pub(crate) fn upsample_into(x: CubeTensor, out: &CubeTensor, first: usize, align_corners: bool) {
    let [batch, depth, height, width, channels] = x.meta.shape().dims();
    let line = line(&[&x, out], first).min(line(&[&x], 0));
    let gaps = [depth + 1, height + 1, width + 1];
    let units = batch * gaps.iter().product::<usize>() * (channels / line);
    let Units { count, dim, address } = Units::new(units, &[&x, out]);
    let dtype = dtype_to_storage_type(x.dtype);
    // SAFETY: every unit below `units` reads voxels inside `x` and writes those voxels of its gap that `out` has.
    unsafe {
        upsample::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            line,
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            places(gaps, channels / line),
            first,
            units,
            align_corners,
            dtype,
        );
    }
}

/// The gradient of what was upsampled to `channels` channels of the output from `first` on, given the gradient of the
/// output; both channels-last.
pub(crate) fn upsample_grad(grad: CubeTensor, first: usize, channels: usize, align_corners: bool) -> CubeTensor {
    let [batch, shape @ .., _] = grad.meta.shape().dims::<5>();
    let [depth, height, width] = shape.map(|length| length / 2);
    let out = empty(&grad, [batch, depth, height, width, channels], grad.dtype);
    let line = line(&[&grad, &out], first);
    let tiles = [depth.div_ceil(RUN), height.div_ceil(TILE), width.div_ceil(TILE)];
    let units = batch * tiles.iter().product::<usize>() * (channels / line);
    let Units { count, dim, address } = Units::new(units, &[&grad, &out]);
    let dtype = dtype_to_storage_type(grad.dtype);
    // SAFETY: every unit below `units` reads voxels inside `grad` and writes those voxels of its run of tiles that `out`
    // has.
    unsafe {
        gathered::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            line,
            grad.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            places(tiles, channels / line),
            first,
            units,
            align_corners,
            dtype,
        );
    }
    out
}

/// A gap of the input grid along one axis. Of a gap that does not exist, no voxel exists.
#[derive(CubeType)]
struct Gap {
    /// The voxel before the gap, or the first one.
    low: usize,
    /// The voxel behind the gap, or the last one.
    high: usize,
    /// Voxel `2 b - 1` of the doubled axis.
    odd: Between,
    /// Voxel `2 b`.
    even: Between,
}

/// A voxel of the doubled axis in a gap.
#[derive(CubeType)]
struct Between {
    exists: bool,
    /// Its place on the doubled axis, if it exists.
    voxel: usize,
    /// Weight of the voxel behind the gap; the one before has the rest of 1.
    high: f32,
}

#[cube]
fn gap(number: usize, length: usize, #[comptime] align_corners: bool) -> Gap {
    let number = min(number, length + 1);
    let odd = Between {
        exists: number > 0 && number <= length,
        voxel: max(2 * number, 1) - 1,
        high: below(max(length, number) - number, length, align_corners),
    };
    let even = Between { exists: number < length, voxel: 2 * number, high: 1.0 - below(number, length, align_corners) };
    Gap { low: max(number, 1) - 1, high: min(number, length - 1), odd, even }
}

/// Distance by which voxel `2 i` of the doubled axis precedes voxel `i` of the axis.
#[cube]
fn below(i: usize, length: usize, #[comptime] align_corners: bool) -> f32 {
    let distance = if comptime!(align_corners) {
        f32::cast_from(i as u32) / f32::cast_from((2 * length - 1) as u32)
    } else {
        0.25f32.runtime()
    };
    select(i == 0, 0.0f32, distance)
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn upsample<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    gaps: Sequence<FastDivmod<usize>>,
    first: usize,
    units: usize,
    #[comptime] align_corners: bool,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &gaps);
    let line = x.vector_size();
    let depth = gap(at.z, x.shape(1), align_corners);
    let height = gap(at.y, x.shape(2), align_corners);
    let width = gap(at.x, x.shape(3), align_corners);

    // The eight voxels around the gap, numbered in binary: depth, height, width.
    let start = at.batch * x.stride(0) + at.group * line * x.stride(4);
    let mut corners = Array::<Vector<f32, N>>::new(8usize);
    #[unroll]
    for corner in 0..8usize {
        let z = if comptime!(corner / 4 == 0) { depth.low } else { depth.high };
        let y = if comptime!(corner / 2 % 2 == 0) { height.low } else { height.high };
        let x_ = if comptime!(corner % 2 == 0) { width.low } else { width.high };
        let voxel = start + z * x.stride(1) + y * x.stride(2) + x_ * x.stride(3);
        corners[corner] = Vector::cast_from(x[voxel / line]);
    }
    blend(&mut corners, &width, 1usize);
    blend(&mut corners, &height, 2usize);
    blend(&mut corners, &depth, 4usize);

    let start = at.batch * out.stride(0) + (first + at.group * line) * out.stride(4);
    #[unroll]
    for corner in 0..8usize {
        let z = if comptime!(corner / 4 == 0) { &depth.odd } else { &depth.even };
        let y = if comptime!(corner / 2 % 2 == 0) { &height.odd } else { &height.even };
        let x = if comptime!(corner % 2 == 0) { &width.odd } else { &width.even };
        if z.exists && y.exists && x.exists {
            let voxel = start + z.voxel * out.stride(1) + y.voxel * out.stride(2) + x.voxel * out.stride(3);
            out[voxel / line] = Vector::cast_from(corners[corner]);
        }
    }
}

/// Replaces the voxels before and behind a gap along one axis, whose numbers differ by `step`, by the two in it.
#[cube]
fn blend<N: Size>(corners: &mut Array<Vector<f32, N>>, gap: &Gap, #[comptime] step: usize) {
    #[unroll]
    for pair in 0..4usize {
        let first = comptime!(pair / step * 2 * step + pair % step);
        let (low, high) = (corners[first], corners[first + step]);
        corners[first] = low * Vector::new(1.0 - gap.odd.high) + high * Vector::new(gap.odd.high);
        corners[first + step] = low * Vector::new(1.0 - gap.even.high) + high * Vector::new(gap.even.high);
    }
}

/// A unit goes along depth from gap to gap with a tile of the plane behind the gap.
#[cube(launch_unchecked, address_type = "dynamic")]
fn gathered<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    tiles: Sequence<FastDivmod<usize>>,
    first: usize,
    units: usize,
    #[comptime] align_corners: bool,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &tiles);
    let line = out.vector_size();
    let channel = at.group * line;
    let start = at.batch * grad.stride(0) + (first + channel) * grad.stride(4);
    let out_start = at.batch * out.stride(0) + channel * out.stride(4);
    let rows = gaps_of_tile(at.y, out.shape(2), align_corners);
    let columns = gaps_of_tile(at.x, out.shape(3), align_corners);

    let begin = at.z * RUN;
    let end = min(begin + RUN, out.shape(1));
    let mut sums = zeros::<N>();
    for number in begin..end + 1 {
        let depth = gap(number, out.shape(1), align_corners);
        let odd = plane_grad::<E, N>(grad, start, &depth.odd, &rows, &columns);
        let even = plane_grad::<E, N>(grad, start, &depth.even, &rows, &columns);
        let (odd_low, even_low) = (1.0 - depth.odd.high, 1.0 - depth.even.high);
        #[unroll]
        for voxel in 0..TILE * TILE {
            let (y, x) = (at.y * TILE + comptime!(voxel / TILE), at.x * TILE + comptime!(voxel % TILE));
            if number > begin && y < out.shape(2) && x < out.shape(3) {
                let sum = sums[voxel] + odd[voxel] * Vector::new(odd_low) + even[voxel] * Vector::new(even_low);
                let offset = (number - 1) * out.stride(1) + y * out.stride(2) + x * out.stride(3);
                out[(out_start + offset) / line] = Vector::cast_from(sum);
            }
            sums[voxel] = odd[voxel] * Vector::new(depth.odd.high) + even[voxel] * Vector::new(depth.even.high);
        }
    }
}

/// The gaps around the voxels of a tile, along one axis.
#[cube]
fn gaps_of_tile(tile: usize, length: usize, #[comptime] align_corners: bool) -> Sequence<Gap> {
    let mut gaps = Sequence::new();
    #[unroll]
    for number in 0..TILE + 1 {
        gaps.push(gap(tile * TILE + number, length, align_corners));
    }
    gaps
}

/// The sums of a tile of voxels over one plane of the doubled grid, or 0 if there is no such plane.
#[cube]
fn plane_grad<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    start: usize,
    plane: &Between,
    rows: &Sequence<Gap>,
    columns: &Sequence<Gap>,
) -> Array<Vector<f32, N>> {
    let mut sums = zeros::<N>();
    if plane.exists {
        let start = start + plane.voxel * grad.stride(1);
        #[unroll]
        for number in 0..TILE + 1 {
            let gap = rows.index(number);
            let odd = row_grad::<E, N>(grad, start, &gap.odd, columns);
            let even = row_grad::<E, N>(grad, start, &gap.even, columns);
            #[unroll]
            for x in 0..TILE {
                if comptime!(number > 0) {
                    sums[(number - 1) * TILE + x] +=
                        odd[x] * Vector::new(1.0 - gap.odd.high) + even[x] * Vector::new(1.0 - gap.even.high);
                }
                if comptime!(number < TILE) {
                    sums[number * TILE + x] +=
                        odd[x] * Vector::new(gap.odd.high) + even[x] * Vector::new(gap.even.high);
                }
            }
        }
    }
    sums
}

/// The sums of a tile's row of voxels over one row of the doubled grid, or 0 if there is no such row.
#[cube]
fn row_grad<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    start: usize,
    row: &Between,
    columns: &Sequence<Gap>,
) -> Array<Vector<f32, N>> {
    let mut sums = Array::<Vector<f32, N>>::new(TILE);
    #[unroll]
    for x in 0..TILE {
        sums[x] = Vector::zero();
    }
    if row.exists {
        let start = start + row.voxel * grad.stride(2);
        #[unroll]
        for number in 0..TILE + 1 {
            let gap = columns.index(number);
            let odd = voxel_grad::<E, N>(grad, start, &gap.odd);
            let even = voxel_grad::<E, N>(grad, start, &gap.even);
            if comptime!(number > 0) {
                sums[number - 1] += odd * Vector::new(1.0 - gap.odd.high) + even * Vector::new(1.0 - gap.even.high);
            }
            if comptime!(number < TILE) {
                sums[number] += odd * Vector::new(gap.odd.high) + even * Vector::new(gap.even.high);
            }
        }
    }
    sums
}

#[cube]
fn voxel_grad<E: Float, N: Size>(grad: &Tensor<Vector<E, N>>, start: usize, voxel: &Between) -> Vector<f32, N> {
    let mut value = Vector::<f32, N>::zero();
    if voxel.exists {
        value = Vector::cast_from(grad[(start + voxel.voxel * grad.stride(3)) / grad.vector_size()]);
    }
    value
}

/// Sums of a tile.
#[cube]
fn zeros<N: Size>() -> Array<Vector<f32, N>> {
    let mut sums = Array::<Vector<f32, N>>::new(comptime!(TILE * TILE));
    #[unroll]
    for voxel in 0..TILE * TILE {
        sums[voxel] = Vector::zero();
    }
    sums
}
