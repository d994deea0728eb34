//! Convolutions.

pub(crate) mod composed;
#[cfg(feature = "flex")]
mod extension;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
mod kernel;

use burn::tensor::Tensor;

/// Stride and zero padding along [depth, height, width].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvOptions {
    /// Step between windows.
    pub stride: [usize; 3],
    /// Zeros added on both sides.
    pub padding: [usize; 3],
}

impl Default for ConvOptions {
    /// Stride 1, no padding.
    fn default() -> Self {
        Self { stride: [1; 3], padding: [0; 3] }
    }
}

/// 3D cross-correlation with zero padding, as PyTorch's `conv3d`.
///
/// # Shapes
/// - x: [batch, in, depth, height, width]
/// - weight: [out, in, kernel depth, kernel height, kernel width]
/// - bias: [out]
/// - output: [batch, out, ...] with (side + 2 · padding - kernel) / stride + 1 voxels along each axis
///
/// # Panics
/// If the channels do not agree or a kernel is larger than the padded input.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Option<Tensor<1>>, options: ConvOptions) -> Tensor<5> {
    #[cfg(feature = "flex")]
    if extension::covers(&x, &weight, options) {
        let y = extension::conv3d(x, weight, options.padding);
        return match bias {
            None => y,
            Some(bias) => {
                let channels = bias.dims()[0];
                y + bias.reshape([1, channels, 1, 1, 1])
            }
        };
    }
    composed::conv3d(x, weight, bias, options)
}

/// Transposed 3D convolution, as PyTorch's `conv_transpose3d`.
///
/// # Shapes
/// - x: [batch, in, depth, height, width]
/// - weight: [in, out, kernel depth, kernel height, kernel width]
/// - output: [batch, out, ...] with (side - 1) · stride - 2 · padding + kernel + output padding voxels along each axis
///
/// # Panics
/// If the channels do not agree.
pub fn conv_transpose3d(
    x: Tensor<5>,
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    stride: [usize; 3],
    padding: [usize; 3],
    output_padding: [usize; 3],
) -> Tensor<5> {
    composed::conv_transpose3d(x, weight, bias, stride, padding, output_padding)
}
