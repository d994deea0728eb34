//! The convolutions on GPUs, by CubeCL.
//!
//! Everything is channels-last in memory, so no tensor is transposed between two operations. Products run on Burn's
//! convolution and matrix multiplication, which use tensor cores where there are any.

mod forward;
mod im2col;
mod weight_grad;
mod weight_grad_tiles;
mod weights;

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::{cast, into_contiguous};
use burn_cubecl::tensor::CubeTensor;

use super::extension::{ConvBackend, ConvGradBackend};
use super::{ConvOptions, Precision};
use crate::cube::{channels_first, channels_last, concat, split};
use crate::norm::cube::instance_norm_again;
use crate::norm::extension::{NormBackend, NormGradBackend, NormParams, NormSaved};

pub(super) use forward::convolve;
pub(super) use im2col::rows_of;
pub(super) use weight_grad::weight_grad;
pub(super) use weights::Order;
pub(crate) use weights::release_arranged;

impl ConvBackend for CubeBackend {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        convolve(x, weight, Order::Forward, options)
    }

    fn conv3d_concat(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        convolve(concat(skip, below, upsampled), weight, Order::Forward, options)
    }

    fn conv3d_norm_relu(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        convolve(Self::instance_norm(x, norm_weight, norm_bias, factors, params), weight, Order::Forward, options)
    }
}

impl ConvGradBackend for CubeBackend {
    fn conv3d_direct_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        _input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        input_grad(grad, weight, options)
    }

    fn conv3d_direct_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_grad(x, grad, weight, options)
    }

    fn conv3d_concat_input_grads(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        skip: Shape,
        _below: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [_, channels, ..] = skip.dims::<5>();
        split(input_grad(grad, weight, options), channels, upsampled)
    }

    fn conv3d_concat_weight_grad(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_grad(concat(skip, below, upsampled), grad, weight, options)
    }

    fn conv3d_norm_relu_with_statistics(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (y, statistics) = Self::instance_norm_with_statistics(x, norm_weight, norm_bias, factors, params);
        (convolve(y, weight, Order::Forward, options), statistics)
    }

    fn conv3d_norm_relu_weight_grad(
        norm: NormSaved<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_grad(instance_norm_again(norm), grad, weight, options)
    }
}

/// The gradient of the input of a convolution with stride 1: the convolution of the output's gradient by the flipped
/// kernel.
///
/// Burn's own operation for it tries a copy of 27 times the gradient and a kernel without tensor cores before it
/// knows the best way, and cannot load asynchronously.
fn input_grad(grad: CubeTensor, weight: CubeTensor, options: ConvOptions) -> CubeTensor {
    let [_, _, kernel @ ..] = weight.shape().dims::<5>();
    let padding = std::array::from_fn(|a| kernel[a] - 1 - options.padding[a]);
    convolve(grad, weight, Order::Transposed, ConvOptions { padding, precision: Precision::F32, ..options })
}
