//! The convolutions on GPUs, by CubeCL.
//!
//! Everything is channels-last in memory, so no tensor is transposed between two operations. Products run on Burn's
//! convolution and matrix multiplication, which use tensor cores where there are any.

mod forward;
mod patches;
mod weight_gradient;

use burn::backend::TensorMetadata;
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::{cast, into_contiguous};
use burn_cubecl::tensor::CubeTensor;

use super::extension::{ConvBackend, ConvGradientBackend};
use super::{ConvOptions, Precision};
use crate::cube::{channels_first, channels_last, join, split};
use crate::norm::extension::{NormBackend, NormGradBackend, NormKept, Steps};

pub(super) use forward::convolve;
pub(super) use patches::rows_of;
pub(super) use weight_gradient::weight_gradient;

impl ConvBackend for CubeBackend {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        convolve(x, weight, options)
    }

    fn conv3d_joined(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        convolve(join(skip, below, enlarged), weight, options)
    }

    fn conv3d_rectified(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        convolve(Self::instance_norm(x, norm_weight, norm_bias, factors, steps), weight, options)
    }
}

impl ConvGradientBackend for CubeBackend {
    fn conv3d_direct_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        _input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        input_gradient(gradient, weight, options)
    }

    fn conv3d_direct_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_gradient(x, gradient, weight, options)
    }

    fn conv3d_joined_inputs(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        skip: Shape,
        _below: Shape,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [_, channels, ..] = skip.dims::<5>();
        split(input_gradient(gradient, weight, options), channels, enlarged)
    }

    fn conv3d_joined_weight(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_gradient(join(skip, below, enlarged), gradient, weight, options)
    }

    fn conv3d_rectified_kept(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (y, statistics) = Self::instance_norm_kept(x, norm_weight, norm_bias, factors, steps);
        (convolve(y, weight, options), statistics)
    }

    fn conv3d_rectified_weight(
        norm: NormKept<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let NormKept { x, weight: norm_weight, bias, factors, steps, .. } = norm;
        weight_gradient(Self::instance_norm(x, norm_weight, bias, factors, steps), gradient, weight, options)
    }
}

/// The gradient of the input of a convolution with stride 1: the convolution of the output's gradient by the flipped
/// kernel.
///
/// Burn's own operation for it tries a copy of 27 times the gradient and a kernel without tensor cores before it
/// knows the best way, and cannot load asynchronously.
fn input_gradient(gradient: CubeTensor, weight: CubeTensor, options: ConvOptions) -> CubeTensor {
    let [_, _, kernel @ ..] = weight.shape().dims::<5>();
    let flipped = CubeBackend::float_flip(weight, &[2, 3, 4]);
    let swapped = CubeBackend::float_swap_dims(flipped, 0, 1);
    let padding = std::array::from_fn(|a| kernel[a] - 1 - options.padding[a]);
    convolve(gradient, swapped, ConvOptions { padding, precision: Precision::F32, ..options })
}
