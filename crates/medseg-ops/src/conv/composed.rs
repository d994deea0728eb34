//! Convolutions by Burn's own operations.

use burn::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions as BurnConvOptions, ConvTransposeOptions};

use super::ConvOptions;

/// [`conv3d`](crate::conv3d) by Burn's convolution.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Option<Tensor<1>>, options: ConvOptions) -> Tensor<5> {
    let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
    module::conv3d(x, weight, bias, options)
}

/// [`conv_transpose3d`](crate::conv_transpose3d) by Burn's transposed convolution.
pub fn conv_transpose3d(
    x: Tensor<5>,
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    stride: [usize; 3],
    padding: [usize; 3],
    output_padding: [usize; 3],
) -> Tensor<5> {
    let options = ConvTransposeOptions::new(stride, padding, output_padding, [1; 3], 1);
    module::conv_transpose3d(x, weight, bias, options)
}
