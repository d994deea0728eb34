//! Convolution of what a norm and a ReLU make of its input.

#[cfg(feature = "extension")]
use burn::tensor::DType;
use burn::tensor::Tensor;

use super::ConvOptions;
use crate::norm::{NormRelu, norm_relu};

/// `conv3d(norm_relu(x, norm), weight, None, options)`: the second convolution of a residual unit, with the norm, channel
/// dropout and ReLU before it.
///
/// On the CPU the normalised tensor is never made: the convolution reads `x` through the norm, and the backward pass
/// keeps `x` alone. On a GPU it is made, and made again by the backward pass, which keeps `x` alone too.
/// That holds for kernels 1×1×1 and 3×3×3 with stride 1; others are the two operations one after the other.
///
/// # Shapes
/// - x: `[batch, in, depth, height, width]`, any real numbers
/// - weight: `[out, in, kernel depth, kernel height, kernel width]`
///
/// # Panics
/// If the shapes do not fit together.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{ConvOptions, NormRelu, norm_relu_conv3d};
///
/// let device = Device::flex();
/// let x = Tensor::<5>::ones([1, 2, 4, 6, 8], &device);
/// let weight = Tensor::<5>::ones([3, 2, 3, 3, 3], &device);
/// let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
/// let y = norm_relu_conv3d(x, NormRelu::default(), weight, options);
/// assert_eq!(y.dims(), [1, 3, 4, 6, 8]);
/// assert_eq!(y.sum().into_scalar::<f32>(), 0.0);
/// ```
pub fn norm_relu_conv3d(x: Tensor<5>, norm: NormRelu, weight: Tensor<5>, options: ConvOptions) -> Tensor<5> {
    const NAME: &str = "norm_relu_conv3d";
    let [_, channels, shape @ ..] = x.dims();
    super::check_fit(NAME, shape, &weight, options);
    super::check_channels(NAME, channels, weight.dims()[1], weight.dims()[0], None);
    norm.check(NAME, &x);
    #[cfg(feature = "extension")]
    if super::extension::covers(&[&x], &weight, options)
        && let Some(of) = crate::norm::extension::NormTensors::covered(&x, &norm)
    {
        use burn::backend::Dispatch;

        use super::extension::ConvBackend;
        let (of_norm, bias, factors) = (of.weight.into_dispatch(), of.bias.into_dispatch(), of.factors.into_dispatch());
        let (x, weight) = (x.into_dispatch(), weight.cast(DType::F32).into_dispatch());
        let y = Dispatch::conv3d_norm_relu(x, of_norm, bias, factors, weight, norm.params(), options);
        return Tensor::from_dispatch(y);
    }
    // Another kernel or stride may still be one that `conv3d` has a kernel for.
    super::conv3d(norm_relu(x, norm), weight, None, options)
}
