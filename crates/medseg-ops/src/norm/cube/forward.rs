//! Normalised tensors out of inputs and their statistics.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::channels::{Channels, relu};
use super::split::{Grid, Split, channel_of_unit};
use super::{Branch, Norm};
use crate::cube::empty;

/// `relu(factors · (weight · normalised x + bias))`, channels-last.
pub(super) fn normalised(norm: &Norm) -> CubeTensor {
    let x = &norm.branch.x;
    let out = empty::<5>(x, x.meta.shape().dims(), x.dtype);
    let split = Split::new(&[x, &out]);
    // SAFETY: indices come from the shapes and strides of these very tensors, whose shapes agree; voxels and channels past
    // their ends are neither read nor written.
    unsafe {
        normalise::launch_unchecked(
            &x.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            x.clone().into_tensor_arg(),
            norm.branch.statistics.clone().into_tensor_arg(),
            norm.branch.weight.clone().into_tensor_arg(),
            norm.branch.bias.clone().into_tensor_arg(),
            norm.factors.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            norm.slope,
            split.grid(),
            dtype_to_storage_type(x.dtype),
        );
    }
    out
}

/// ReLU of the sum of two branches, channels-last.
pub(super) fn added(a: &Branch, b: &Branch, slope: f32) -> CubeTensor {
    let out = empty::<5>(&a.x, a.x.meta.shape().dims(), a.x.dtype);
    let split = Split::new(&[&a.x, &b.x, &out]);
    // SAFETY: as in `normalised`.
    unsafe {
        normalise_and_add::launch_unchecked(
            &out.client,
            split.cubes(),
            split.dim,
            split.address,
            split.vector,
            a.x.clone().into_tensor_arg(),
            a.statistics.clone().into_tensor_arg(),
            a.weight.clone().into_tensor_arg(),
            a.bias.clone().into_tensor_arg(),
            b.x.clone().into_tensor_arg(),
            b.statistics.clone().into_tensor_arg(),
            b.weight.clone().into_tensor_arg(),
            b.bias.clone().into_tensor_arg(),
            out.clone().into_tensor_arg(),
            slope,
            split.grid(),
            dtype_to_storage_type(out.dtype),
        );
    }
    out
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn normalise<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    statistics: &Tensor<f32>,
    weight: &Tensor<f32>,
    bias: &Tensor<f32>,
    factors: &Tensor<f32>,
    out: &mut Tensor<Vector<E, N>>,
    slope: f32,
    grid: Grid,
    #[define(E)] _dtype: ElemType,
) {
    let (sample, channel, channels) = (CUBE_POS_Z as usize, channel_of_unit::<N>(), x.shape(4));
    if channel >= channels {
        terminate!();
    }
    let of = Channels::<N>::load(statistics, weight, bias, sample, channel, channels).times(factors, sample, channel);
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let y = of.weighted(of.normalised(grid.read::<E, N>(x, sample, voxel, channel)));
        out[grid.written::<N>(sample, voxel, channel, channels)] = Vector::cast_from(relu::<N>(y, slope));
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn normalise_and_add<E: Float, N: Size>(
    a: &Tensor<Vector<E, N>>,
    statistics_a: &Tensor<f32>,
    weight_a: &Tensor<f32>,
    bias_a: &Tensor<f32>,
    b: &Tensor<Vector<E, N>>,
    statistics_b: &Tensor<f32>,
    weight_b: &Tensor<f32>,
    bias_b: &Tensor<f32>,
    out: &mut Tensor<Vector<E, N>>,
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
    for voxel in range_stepped(grid.start(), grid.end(), CUBE_DIM_Y as usize) {
        let a = of_a.weighted(of_a.normalised(grid.read::<E, N>(a, sample, voxel, channel)));
        let b = of_b.weighted(of_b.normalised(grid.read::<E, N>(b, sample, voxel, channel)));
        out[grid.written::<N>(sample, voxel, channel, channels)] = Vector::cast_from(relu::<N>(a + b, slope));
    }
}
