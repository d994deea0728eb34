//! Convolutions.

pub(crate) mod composed;
mod concat;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "extension")]
mod extension;
#[cfg(feature = "flex")]
pub(crate) mod flex;
mod norm_relu;
#[cfg(feature = "extension")]
mod strided;
#[cfg(feature = "extension")]
mod tracked;

pub use concat::conv3d_concat;
#[cfg(feature = "cube")]
pub(crate) use cube::release_arranged;
pub use norm_relu::norm_relu_conv3d;

#[cfg(feature = "extension")]
use burn::tensor::DType;
use burn::tensor::Tensor;

/// Stride and zero padding along `[depth, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvOptions {
    /// Step between windows.
    pub stride: [usize; 3],
    /// Zeros added on both sides.
    pub padding: [usize; 3],
    /// In which numbers the products of the forward pass are made.
    pub precision: Precision,
}

/// In which numbers the forward pass of a convolution of f32 tensors makes its products. Inputs, outputs and sums are in
/// f32 either way, and gradients are computed as with [`Precision::F32`].
///
/// Tensors of f16 and bf16, which only GPUs take, are multiplied in their own type and summed in f32, whatever this says;
/// their weights and the gradients of these stay in f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32. Burn on an NVIDIA GPU may take TF32 (10 bits of mantissa) where its tensor cores are faster, as PyTorch does
    /// for convolutions.
    #[default]
    F32,
    /// bf16 (7 bits of mantissa). The error of an output is below 0.5 % of the layer's largest.
    ///
    /// On the CPU where it has AMX (on Linux), the stride is 1 and the kernel has one or three taps along the width; a
    /// single input channel has 16 bits then. On a GPU that has bf16, any convolution that is not transposed. Else f32.
    Bf16,
}

impl Default for ConvOptions {
    /// Stride 1, no padding, f32.
    fn default() -> Self {
        Self { stride: [1; 3], padding: [0; 3], precision: Precision::F32 }
    }
}

#[cfg(feature = "cube")]
impl ConvOptions {
    /// Output size along each axis: `(n + 2p - k) / s + 1`.
    pub(crate) fn output_shape(&self, shape: [usize; 3], kernel: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|a| (shape[a] + 2 * self.padding[a] - kernel[a]) / self.stride[a] + 1)
    }
}

/// 3D cross-correlation with zero padding, as PyTorch's `conv3d`.
///
/// # Shapes
/// - x: `[batch, in, depth, height, width]`
/// - weight: `[out, in, kernel depth, kernel height, kernel width]`
/// - bias: `[out]`
/// - output: [batch, out, ...] with (length + 2 · padding - kernel) / stride + 1 voxels along each axis
///
/// # Panics
/// If the channels do not agree or a kernel is larger than the padded input.
pub fn conv3d(x: Tensor<5>, weight: Tensor<5>, bias: Option<Tensor<1>>, options: ConvOptions) -> Tensor<5> {
    let ([_, channels, shape @ ..], [output, input, ..]) = (x.dims(), weight.dims());
    check_channels("conv3d", channels, input, output, bias.as_ref());
    check_fit("conv3d", shape, &weight, options);
    #[cfg(feature = "extension")]
    if let Some(y) = by_kernels(&x, &weight, options) {
        return with_bias(y, bias);
    }
    composed::conv3d(x, weight, bias, options)
}

/// Transposed 3D convolution, as PyTorch's `conv_transpose3d`.
///
/// # Shapes
/// - x: `[batch, in, depth, height, width]`
/// - weight: `[in, out, kernel depth, kernel height, kernel width]`
/// - output: [batch, out, ...] with (length - 1) · stride - 2 · padding + kernel + output padding voxels along each axis
///
/// # Panics
/// If the channels do not agree or no voxel is left.
pub fn conv_transpose3d(
    x: Tensor<5>,
    weight: Tensor<5>,
    bias: Option<Tensor<1>>,
    stride: [usize; 3],
    padding: [usize; 3],
    output_padding: [usize; 3],
) -> Tensor<5> {
    let ([_, channels, shape @ ..], [input, output, kernel @ ..]) = (x.dims(), weight.dims());
    check_channels("conv_transpose3d", channels, input, output, bias.as_ref());
    let some = |a: usize| {
        let reach = shape[a].saturating_sub(1) * stride[a] + kernel[a] + output_padding[a];
        shape[a] > 0 && stride[a] > 0 && kernel[a] > 0 && reach > 2 * padding[a]
    };
    assert!(
        (0..3).all(some),
        "conv_transpose3d: nothing is left of {shape:?} voxels with kernel {kernel:?}, stride {stride:?}, padding {padding:?}"
    );
    #[cfg(feature = "extension")]
    if strided::extension::covers(&x, &weight) && (0..3).all(|a| output_padding[a] < stride[a]) {
        use burn::backend::Dispatch;

        use strided::extension::StridedBackend;
        let length = |a: usize| (shape[a] - 1) * stride[a] + kernel[a] + output_padding[a] - 2 * padding[a];
        let shape = std::array::from_fn(length);
        let options = ConvOptions { stride, padding, precision: Precision::F32 };
        if extension::covers_transposed(&weight, options) {
            // With stride 1 it is the convolution by the flipped kernel with what is left of the padding.
            let flipped = weight.flip([2, 3, 4]).swap_dims(0, 1);
            return conv3d(x, flipped, bias, ConvOptions { padding: padding.map(|p| 2 - p), ..options });
        }
        let weight = weight.cast(DType::F32);
        let y = Dispatch::conv3d_transposed(x.into_dispatch(), weight.into_dispatch(), shape, options);
        return with_bias(Tensor::from_dispatch(y), bias);
    }
    composed::conv_transpose3d(x, weight, bias, stride, padding, output_padding)
}

/// The convolution by the kernel that suits it, if there is one for where the tensors are.
#[cfg(feature = "extension")]
fn by_kernels(x: &Tensor<5>, weight: &Tensor<5>, options: ConvOptions) -> Option<Tensor<5>> {
    use burn::backend::Dispatch;

    use extension::ConvBackend;
    use strided::extension::StridedBackend;
    let tensors = || (x.clone().into_dispatch(), weight.clone().cast(DType::F32).into_dispatch());
    if extension::covers(&[x], weight, options) {
        let (x, weight) = tensors();
        return Some(Tensor::from_dispatch(Dispatch::conv3d_direct(x, weight, options)));
    }
    if strided::extension::covers(x, weight) {
        let (x, weight) = tensors();
        return Some(Tensor::from_dispatch(Dispatch::conv3d_strided(x, weight, options)));
    }
    None
}

#[cfg(feature = "extension")]
fn with_bias(y: Tensor<5>, bias: Option<Tensor<1>>) -> Tensor<5> {
    match bias {
        None => y,
        Some(bias) => {
            let bias = bias.cast(y.dtype()).reshape([1, -1, 1, 1, 1]);
            y + bias
        }
    }
}

/// Panics if the kernel is larger than the padded shape.
pub(crate) fn check_fit(name: &str, shape: [usize; 3], weight: &Tensor<5>, options: ConvOptions) {
    let [_, _, kernel @ ..] = weight.dims();
    let fits = |a: usize| options.stride[a] > 0 && kernel[a] > 0 && shape[a] + 2 * options.padding[a] >= kernel[a];
    assert!((0..3).all(fits), "{name}: a kernel of {kernel:?} does not fit into {shape:?} voxels with {options:?}");
}

/// Panics unless the channels of input, weights and bias agree.
pub(crate) fn check_channels(name: &str, channels: usize, input: usize, output: usize, bias: Option<&Tensor<1>>) {
    assert!(channels == input, "{name}: {channels} channels, but weights for {input}");
    if let Some([biases]) = bias.map(Tensor::dims) {
        assert!(biases == output, "{name}: weights make {output} channels, but the bias has {biases}");
    }
}
