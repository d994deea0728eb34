//! Gradients of norms: the sums of every channel first, of parts of its voxels and then of all, then those of the inputs.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::channels::{Channels, factors_of, relu_grad};
use super::split::{Grid, Split, channel_of_unit, sum_of_units};
use super::sums::{SumTensors, Sums};
use super::{Branch, Norm};
use crate::cube::empty;

/// The gradients of x (channels-last), weight and bias.
pub(super) fn grads(grad: &CubeTensor, norm: &Norm) -> [CubeTensor; 3] {
    let x = &norm.branch.x;
    let out = empty::<5>(x, x.meta.shape().dims(), x.dtype);
    let split = Split::new(&[grad, x, &out]);
    let (storage, sums) = (dtype_to_storage_type(x.dtype), Sums::new(&split, x, 2));
    // SAFETY: indices come from the shapes and strides of these very tensors, whose shapes agree; voxels and channels past
    // their ends are neither read nor written. Counters are those of `Sums`.
    unsafe {
        grad_sums::launch_unchecked(
            &x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            grad.clone().into_tensor_arg(),
            x.clone().into_tensor_arg(),
            norm.branch.statistics.clone().into_tensor_arg(),
            norm.branch.weight.clone().into_tensor_arg(),
            norm.branch.bias.clone().into_tensor_arg(),
            norm.factors.clone().into_tensor_arg(),
            sums.arg(&split),
            norm.slope,
            split.grid(),
            split.units(),
            sums.at_once(),
            storage,
        );
    }
    let (sums, [of_bias, of_weight, _]) = sums.finished(&split);
    // SAFETY: as above.
    unsafe {
        apply_grad::launch_unchecked(
            &x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            grad.clone().into_tensor_arg(),
            x.clone().into_tensor_arg(),
            norm.branch.statistics.clone().into_tensor_arg(),
            norm.branch.weight.clone().into_tensor_arg(),
            norm.branch.bias.clone().into_tensor_arg(),
            norm.factors.clone().into_tensor_arg(),
            sums.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            norm.slope,
            split.grid(),
            storage,
        );
    }
    [out, of_weight, of_bias]
}

/// The gradients of x (channels-last), weight and bias of both branches of a sum.
pub(super) fn branch_grads(grad: &CubeTensor, a: &Branch, b: &Branch, slope: f32) -> [[CubeTensor; 3]; 2] {
    let out = || empty::<5>(&a.x, a.x.meta.shape().dims(), a.x.dtype);
    let (out_a, out_b) = (out(), out());
    let split = Split::new(&[grad, &a.x, &b.x, &out_a]);
    let (storage, sums) = (dtype_to_storage_type(a.x.dtype), Sums::new(&split, &a.x, 3));
    // SAFETY: as in `grads`.
    unsafe {
        shared_grad_sums::launch_unchecked(
            &a.x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            grad.clone().into_tensor_arg(),
            a.x.clone().into_tensor_arg(),
            a.statistics.clone().into_tensor_arg(),
            a.weight.clone().into_tensor_arg(),
            a.bias.clone().into_tensor_arg(),
            b.x.clone().into_tensor_arg(),
            b.statistics.clone().into_tensor_arg(),
            b.weight.clone().into_tensor_arg(),
            b.bias.clone().into_tensor_arg(),
            sums.arg(&split),
            slope,
            split.grid(),
            split.units(),
            sums.at_once(),
            storage,
        );
    }
    let (sums, [of_bias, of_weight_a, of_weight_b]) = sums.finished(&split);
    // SAFETY: as in `grads`.
    unsafe {
        apply_branch_grads::launch_unchecked(
            &a.x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            grad.clone().into_tensor_arg(),
            a.x.clone().into_tensor_arg(),
            a.statistics.clone().into_tensor_arg(),
            a.weight.clone().into_tensor_arg(),
            a.bias.clone().into_tensor_arg(),
            b.x.clone().into_tensor_arg(),
            b.statistics.clone().into_tensor_arg(),
            b.weight.clone().into_tensor_arg(),
            b.bias.clone().into_tensor_arg(),
            sums.into_tensor_arg(),
            out_a.clone().into_tensor_arg(),
            out_b.clone().into_tensor_arg(),
            slope,
            split.grid(),
            storage,
        );
    }
    [[out_a, of_weight_a, of_bias.clone()], [out_b, of_weight_b, of_bias]]
}

/// Sums of the gradient behind the ReLU and of its products with the normalised channel, of every part.
#[cube(launch_unchecked, address_type = "dynamic")]
fn grad_sums<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    x: &Tensor<Vector<E, N>>,
    statistics: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    factors: &Tensor<f32>,
    sums: &mut SumTensors<N>,
    slope: f32,
    grid: Grid,
    #[comptime] units: usize,
    #[comptime] at_once: bool,
    #[define(E)] _dtype: ElemType,
) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(units);
    let (sample, channels) = (CUBE_POS_Z as usize, x.shape(4));
    let unit_channel = channel_of_unit::<N>();
    let channel = clamp_max(unit_channel, channels - N::value());
    let of = Channels::<N>::load(statistics, weight, bias, sample, channel, channels);
    let factor = factors_of::<N>(factors, sample, channel);
    let mut sum = Vector::<f32, N>::broadcast(0.0);
    let mut sum_of_products = Vector::<f32, N>::broadcast(0.0);
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let normalised = of.normalised(grid.read::<E, N>(x, sample, voxel, channel));
        let grad = grid.read::<E, N>(grad, sample, voxel, channel);
        let through = relu_grad::<N>(of.weighted(normalised), grad * factor, slope);
        sum += through;
        sum_of_products += through * normalised;
    }
    sums.put(0usize, sum_of_units::<N>(sum, &mut shared), &grid);
    sums.put(1usize, sum_of_units::<N>(sum_of_products, &mut shared), &grid);
    if comptime!(at_once) {
        sums.add_up(2usize, &mut shared);
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn apply_grad<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    x: &Tensor<Vector<E, N>>,
    statistics: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    factors: &Tensor<f32>,
    sums: &Tensor<Vector<f32, N>>,
    out: &mut Tensor<Vector<E, N>>,
    slope: f32,
    grid: Grid,
    #[define(E)] _dtype: ElemType,
) {
    let (sample, channel, channels) = (CUBE_POS_Z as usize, channel_of_unit::<N>(), x.shape(4));
    if channel >= channels {
        terminate!();
    }
    let of = Channels::<N>::load(statistics, weight, bias, sample, channel, channels);
    let factor = factors_of::<N>(factors, sample, channel);
    let at = (sample * channels + channel) / N::value();
    let voxels = Vector::broadcast(f32::cast_from(grid.voxels));
    let (mean, projection) = (sums[at] / voxels, sums[at + sums.stride(0) / N::value()] / voxels);
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let normalised = of.normalised(grid.read::<E, N>(x, sample, voxel, channel));
        let grad = grid.read::<E, N>(grad, sample, voxel, channel);
        let through = relu_grad::<N>(of.weighted(normalised), grad * factor, slope);
        let of_input = of.input_grad(through, normalised, mean, projection);
        out[grid.written::<N>(sample, voxel, channel, channels)] = Vector::cast_from(of_input);
    }
}

/// Sums of the gradient behind the ReLU and of its products with both normalised channels, of every part.
#[cube(launch_unchecked, address_type = "dynamic")]
fn shared_grad_sums<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    a: &Tensor<Vector<E, N>>,
    statistics_a: &Tensor<f32>,
    weight_a: &Tensor<f32>,
    bias_a: &Tensor<f32>,
    b: &Tensor<Vector<E, N>>,
    statistics_b: &Tensor<f32>,
    weight_b: &Tensor<f32>,
    bias_b: &Tensor<f32>,
    sums: &mut SumTensors<N>,
    slope: f32,
    grid: Grid,
    #[comptime] units: usize,
    #[comptime] at_once: bool,
    #[define(E)] _dtype: ElemType,
) {
    let mut shared = Shared::<[Vector<f32, N>]>::new_slice(units);
    let (sample, channels) = (CUBE_POS_Z as usize, a.shape(4));
    let unit_channel = channel_of_unit::<N>();
    let channel = clamp_max(unit_channel, channels - N::value());
    let of_a = Channels::<N>::load(statistics_a, weight_a, bias_a, sample, channel, channels);
    let of_b = Channels::<N>::load(statistics_b, weight_b, bias_b, sample, channel, channels);
    let mut sum = Vector::<f32, N>::broadcast(0.0);
    let mut sum_a = Vector::<f32, N>::broadcast(0.0);
    let mut sum_b = Vector::<f32, N>::broadcast(0.0);
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let a = of_a.normalised(grid.read::<E, N>(a, sample, voxel, channel));
        let b = of_b.normalised(grid.read::<E, N>(b, sample, voxel, channel));
        let grad = grid.read::<E, N>(grad, sample, voxel, channel);
        let through = relu_grad::<N>(of_a.weighted(a) + of_b.weighted(b), grad, slope);
        sum += through;
        sum_a += through * a;
        sum_b += through * b;
    }
    sums.put(0usize, sum_of_units::<N>(sum, &mut shared), &grid);
    sums.put(1usize, sum_of_units::<N>(sum_a, &mut shared), &grid);
    sums.put(2usize, sum_of_units::<N>(sum_b, &mut shared), &grid);
    if comptime!(at_once) {
        sums.add_up(3usize, &mut shared);
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn apply_branch_grads<E: Float, N: Size>(
    grad: &Tensor<Vector<E, N>>,
    a: &Tensor<Vector<E, N>>,
    statistics_a: &Tensor<f32>,
    weight_a: &Tensor<f32>,
    bias_a: &Tensor<f32>,
    b: &Tensor<Vector<E, N>>,
    statistics_b: &Tensor<f32>,
    weight_b: &Tensor<f32>,
    bias_b: &Tensor<f32>,
    sums: &Tensor<Vector<f32, N>>,
    out_a: &mut Tensor<Vector<E, N>>,
    out_b: &mut Tensor<Vector<E, N>>,
    slope: f32,
    grid: Grid,
    #[define(E)] _dtype: ElemType,
) {
    let (sample, channel, channels) = (CUBE_POS_Z as usize, channel_of_unit::<N>(), a.shape(4));
    if channel >= channels {
        terminate!();
    }
    let of_a = Channels::<N>::load(statistics_a, weight_a, bias_a, sample, channel, channels);
    let of_b = Channels::<N>::load(statistics_b, weight_b, bias_b, sample, channel, channels);
    let at = (sample * channels + channel) / N::value();
    let voxels = Vector::broadcast(f32::cast_from(grid.voxels));
    let kind = sums.stride(0) / N::value();
    let (mean, projection_a, projection_b) =
        (sums[at] / voxels, sums[at + kind] / voxels, sums[at + 2 * kind] / voxels);
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let a = of_a.normalised(grid.read::<E, N>(a, sample, voxel, channel));
        let b = of_b.normalised(grid.read::<E, N>(b, sample, voxel, channel));
        let grad = grid.read::<E, N>(grad, sample, voxel, channel);
        let through = relu_grad::<N>(of_a.weighted(a) + of_b.weighted(b), grad, slope);
        let at = grid.written::<N>(sample, voxel, channel, channels);
        out_a[at] = Vector::cast_from(of_a.input_grad(through, a, mean, projection_a));
        out_b[at] = Vector::cast_from(of_b.input_grad(through, b, mean, projection_b));
    }
}
