//! Convolution of what a norm and a ReLU make of its input.

use burn::tensor::Tensor;

use super::{ConvOptions, composed};

/// `conv3d(relu(factors · instance_norm3d(x)), weight, None, options)`: the second convolution of a residual unit, with
/// the norm, channel dropout and ReLU before it.
///
/// On the CPU the normalised tensor is never made: the convolution reads `x` through the norm, and the backward pass
/// keeps `x` alone.
///
/// # Shapes
/// - x: `[batch, in, depth, height, width]`, any real numbers
/// - factors: `[batch, in]`, constants that are not negative, such as those of
///   [`dropout_factors`](crate::dropout_factors); none means 1
/// - weight: `[out, in, kernel depth, kernel height, kernel width]`
///
/// # Panics
/// If the shapes do not fit together.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{ConvOptions, instance_norm_relu_conv3d};
///
/// let device = Device::flex();
/// let x = Tensor::<5>::ones([1, 2, 4, 6, 8], &device);
/// let weight = Tensor::<5>::ones([3, 2, 3, 3, 3], &device);
/// let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
/// let y = instance_norm_relu_conv3d(x, None, weight, 1e-5, options);
/// assert_eq!(y.dims(), [1, 3, 4, 6, 8]);
/// assert_eq!(y.sum().into_scalar::<f32>(), 0.0);
/// ```
pub fn instance_norm_relu_conv3d(
    x: Tensor<5>,
    factors: Option<Tensor<2>>,
    weight: Tensor<5>,
    eps: f64,
    options: ConvOptions,
) -> Tensor<5> {
    const NAME: &str = "instance_norm_relu_conv3d";
    let [batch, channels, sides @ ..] = x.dims();
    super::check_fit(NAME, sides, &weight, options);
    super::check_channels(NAME, channels, weight.dims()[1], weight.dims()[0], None);
    if let Some(shape) = factors.as_ref().map(Tensor::dims) {
        assert!(shape == [batch, channels], "{NAME}: factors of {shape:?} for {batch} samples of {channels} channels");
    }
    #[cfg(feature = "flex")]
    if super::extension::covers(&[&x], &weight, options) && factors.as_ref().is_none_or(crate::flex_device::is_flex_f32)
    {
        use burn::backend::Dispatch;

        use super::extension::ConvBackend;
        let factors = factors.unwrap_or_else(|| Tensor::ones([batch, channels], &x.device()));
        let (x, factors, weight) = (x.into_dispatch(), factors.into_dispatch(), weight.into_dispatch());
        return Tensor::from_dispatch(Dispatch::conv3d_rectified(x, factors, weight, eps, options));
    }
    composed::instance_norm_relu_conv3d(x, factors, weight, eps, options)
}
