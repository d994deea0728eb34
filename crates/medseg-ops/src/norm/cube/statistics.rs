//! Mean and variance of every channel: of parts of its voxels first, then of all.
//!
//! A unit adds up differences from its first voxel, so a large offset costs nothing, and a voxel unlike all others little
//! since its own deviation then makes up the variance. Means are saved relative to the channel's first voxel.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::split::{Grid, Split, channel_of_unit, group, sum_of_units};
use crate::cube::{Arrivals, empty, is_last_cube};

/// The statistics `[batch · channels, 3]` of a channels-last tensor.
pub(super) fn statistics(x: &CubeTensor, eps: f64) -> CubeTensor {
    let split = Split::new(&[x]);
    let of_parts = || empty(x, [split.samples * split.parts, split.channels], DType::F32);
    let (means, squares) = (of_parts(), of_parts());
    let statistics = empty(x, [split.samples * split.channels, 3], DType::F32);
    let storage = dtype_to_storage_type(x.dtype);
    let (at_once, counters, first) = match Arrivals::new(x, split.groups()) {
        Some(Arrivals { counters, first }) => (true, counters, first),
        None => (false, empty(x, [1], DType::U32), 0),
    };
    // SAFETY: indices come from the shapes and strides of these very tensors; voxels and channels past their ends are
    // neither read nor written. A counter for each group of cubes follows `first`.
    unsafe {
        moments::launch_unchecked(
            &x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            x.clone().into_tensor_arg(),
            means.clone().into_tensor_arg(),
            squares.clone().into_tensor_arg(),
            statistics.clone().into_tensor_arg(),
            counters.into_tensor_arg(),
            first,
            split.grid(),
            eps as f32,
            0,
            split.units(),
            at_once,
            storage,
        );
    }
    if !at_once {
        // SAFETY: as above.
        unsafe {
            merged_moments::launch_unchecked(
                &x.client,
                split.cubes_of_samples(),
                split.dim,
                split.address,
                split.vector,
                x.clone().into_tensor_arg(),
                means.into_tensor_arg(),
                squares.into_tensor_arg(),
                statistics.clone().into_tensor_arg(),
                split.grid(),
                split.parts,
                eps as f32,
                0,
                split.units(),
                storage,
            );
        }
    }
    statistics
}

/// The statistics out of the parts' means and squares. `zero` is 0, which no compiler knows.
#[cube(launch_unchecked, address_type = "dynamic")]
fn merged_moments<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    means: &mut Tensor<Vector<f32, N>>,
    squares: &mut Tensor<Vector<f32, N>>,
    statistics: &mut Tensor<f32>,
    grid: Grid,
    parts: usize,
    eps: f32,
    zero: u32,
    #[comptime] units: usize,
    #[define(E)] _dtype: ElemType,
) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(units);
    merge::<E, N>(x, means, squares, statistics, &grid, parts, eps, zero, &mut shared);
}

/// Mean, less the channel's first voxel, and sum of squared deviations from it, of every part `[batch · parts, channels]`.
/// If `at_once`, the last cube of a sample's channels makes the statistics out of them.
#[cube(launch_unchecked, address_type = "dynamic")]
fn moments<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    means: &mut Tensor<Vector<f32, N>>,
    squares: &mut Tensor<Vector<f32, N>>,
    statistics: &mut Tensor<f32>,
    counters: &mut Tensor<Atomic<u32>>,
    first_counter: usize,
    grid: Grid,
    eps: f32,
    zero: u32,
    #[comptime] units: usize,
    #[comptime] at_once: bool,
    #[define(E)] _dtype: ElemType,
) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(units);
    let sample = CUBE_POS_Z as usize;
    let channels = x.shape(4);
    let unit_channel = channel_of_unit::<N>();
    let channel = clamp_max(unit_channel, channels - N::value());
    let start = grid.start();
    let origin = grid.read::<E, N>(x, sample, 0, channel);
    // Where the unit has no voxel of its own, any will do.
    let first = grid.read::<E, N>(x, sample, clamp_max(start, grid.voxels - 1), channel);
    let mut count = 0.0f32;
    let mut sum = Vector::<f32, N>::broadcast(0.0);
    let mut sum_of_squares = Vector::<f32, N>::broadcast(0.0);
    for voxel in range_stepped(start, grid.end(), CUBE_DIM_Y as usize) {
        let difference = grid.read::<E, N>(x, sample, voxel, channel) - first;
        sum += difference;
        sum_of_squares += difference * difference;
        count += 1.0;
    }
    let own_mean = sum / Vector::broadcast(clamp_min(count, 1.0));
    let own_squares = clamp_min(sum_of_squares - sum * own_mean, Vector::broadcast(0.0));
    let own_mean = first - origin + own_mean;
    let count = Vector::broadcast(count);
    let voxels = Vector::broadcast(grid.voxels_of(CUBE_POS_X as usize));
    let mean = sum_of_units::<N>(own_mean * count, &mut shared) / voxels;
    let off = own_mean - mean;
    let sum_of_squares = sum_of_units::<N>(own_squares + off * off * count, &mut shared);
    if UNIT_POS_Y == 0 && unit_channel < channels {
        let at = grid.of_part::<N>(sample, channel, channels);
        means[at] = mean;
        squares[at] = sum_of_squares;
    }
    if comptime!(at_once) {
        let is_last = is_last_cube(counters, first_counter + group(), CUBE_COUNT_X);
        if is_last {
            merge::<E, N>(x, means, squares, statistics, &grid, CUBE_COUNT_X as usize, eps, zero, &mut shared);
        }
    }
}

#[cube]
fn merge<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    means: &mut Tensor<Vector<f32, N>>,
    squares: &mut Tensor<Vector<f32, N>>,
    statistics: &mut Tensor<f32>,
    grid: &Grid,
    parts: usize,
    eps: f32,
    zero: u32,
    shared: &mut Shared<[Vector<f32, N>]>,
) {
    let sample = CUBE_POS_Z as usize;
    let channels = x.shape(4);
    let unit_channel = channel_of_unit::<N>();
    let channel = clamp_max(unit_channel, channels - N::value());
    let voxels = Vector::broadcast(f32::cast_from(grid.voxels));
    let mut sum = Vector::<f32, N>::broadcast(0.0);
    for part in range_stepped(UNIT_POS_Y as usize, parts, CUBE_DIM_Y as usize) {
        let at = ((sample * parts + part) * channels + channel) / N::value();
        sum += means[at] * Vector::broadcast(grid.voxels_of(part));
    }
    let mean = sum_of_units::<N>(sum, shared) / voxels;
    let mut sum_of_squares = Vector::<f32, N>::broadcast(0.0);
    for part in range_stepped(UNIT_POS_Y as usize, parts, CUBE_DIM_Y as usize) {
        let at = ((sample * parts + part) * channels + channel) / N::value();
        let off = means[at] - mean;
        sum_of_squares += squares[at] + off * off * Vector::broadcast(grid.voxels_of(part));
    }
    let variance = sum_of_units::<N>(sum_of_squares, shared) / voxels;
    if UNIT_POS_Y == 0 && unit_channel < channels {
        let origin = grid.read::<E, N>(x, sample, 0, channel);
        // The sum of both and, exactly, what it loses in rounding.
        let shift = as_it_is::<N>(origin + mean, zero);
        let of_mean = as_it_is::<N>(shift - origin, zero);
        let rest = (origin - (shift - of_mean)) + (mean - of_mean);
        let scale = Vector::broadcast(1.0) / (variance + Vector::broadcast(eps)).sqrt();
        let row = sample * channels + channel;
        #[unroll]
        for lane in 0..N::value() {
            statistics[(row + lane) * 3] = shift.extract(lane);
            statistics[(row + lane) * 3 + 1] = rest.extract(lane);
            statistics[(row + lane) * 3 + 2] = scale.extract(lane);
        }
    }
}

/// The value, rounded. Compilers of shaders may else make `b` of `(a + b) - a`, for which they see no reason.
#[cube]
fn as_it_is<N: Size>(value: Vector<f32, N>, zero: u32) -> Vector<f32, N> {
    let bits = Vector::<u32, N>::reinterpret(value);
    Vector::<f32, N>::reinterpret(bits ^ Vector::broadcast(zero))
}
