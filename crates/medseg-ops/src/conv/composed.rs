//! Convolutions by Burn's own operations.

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions as BurnConvOptions, ConvTransposeOptions};

use super::ConvOptions;
use crate::concat::Upsample;
use crate::norm::NormRelu;
use crate::norm::composed::norm_relu;
use crate::upsample::composed::upsample_trilinear2x;

/// [`conv3d`](crate::conv3d) by Burn's convolution, in the type of x whatever that of the weights.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Option<Tensor<1>>, options: ConvOptions) -> Tensor<5> {
    let (weight, bias) = like(&x, weight, bias);
    let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
    module::conv3d(x, weight, bias, options)
}

/// [`conv_transpose3d`](crate::conv_transpose3d) by Burn's transposed convolution, in the type of x whatever that of the
/// weights.
pub fn conv_transpose3d(
    x: Tensor<5>,
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    stride: [usize; 3],
    padding: [usize; 3],
    output_padding: [usize; 3],
) -> Tensor<5> {
    let (weight, bias) = like(&x, weight, bias);
    let options = ConvTransposeOptions::new(stride, padding, output_padding, [1; 3], 1);
    module::conv_transpose3d(x, weight, bias, options)
}

/// [`conv3d_concat`](crate::conv3d_concat) of tensors that are made one after the other.
pub fn conv3d_concat(
    skip: Tensor<5>,
    below: Tensor<5>,
    weight: Tensor<5>,
    upsample: Upsample,
    options: ConvOptions,
) -> Tensor<5> {
    let below = match upsample {
        Upsample::No => below,
        Upsample::Trilinear2x { align_corners } => upsample_trilinear2x(below, align_corners),
    };
    conv3d(Tensor::cat(vec![skip, below], 1), weight, None, options)
}

/// [`norm_relu_conv3d`](crate::norm_relu_conv3d) of tensors that are made one after the other.
pub fn norm_relu_conv3d(x: Tensor<5>, norm: NormRelu, weight: Tensor<5>, options: ConvOptions) -> Tensor<5> {
    conv3d(norm_relu(x, norm), weight, None, options)
}

/// NormTensors in the type of x.
fn like(x: &Tensor<5>, weight: Tensor<5>, bias: Option<Tensor<1>>) -> (Tensor<5>, Option<Tensor<1>>) {
    (weight.cast(x.dtype()), bias.map(|bias| bias.cast(x.dtype())))
}
