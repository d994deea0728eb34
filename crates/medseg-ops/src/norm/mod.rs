//! Instance normalisation, alone and with what follows it in a U-Net block.

pub(crate) mod composed;
#[cfg(feature = "flex")]
pub(crate) mod extension;
#[cfg(feature = "flex")]
pub(crate) mod flex;
#[cfg(feature = "flex")]
mod rows;

use burn::tensor::Tensor;

/// Normalises every channel of every sample of `x` `[batch, channel, depth, height, width]` to mean 0 and variance 1:
/// `(x - mean) / sqrt(variance + eps)`, with the biased variance (divided by the number of voxels), then scales and
/// shifts by `affine`, a weight and a bias of one value a channel.
///
/// Large offsets cost no accuracy, and a constant channel gives exactly 0 (or its bias). There are no running
/// statistics: training and evaluation are the same. As PyTorch's `InstanceNorm3d`.
///
/// # Panics
/// When the weight or the bias does not have one value a channel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([1.0, 3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let y: Vec<f32> = medseg_ops::instance_norm3d(x, None, 0.0).into_data().try_to_vec().unwrap();
/// assert_eq!(y, [-1.0, 1.0]);
/// ```
pub fn instance_norm3d(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    check_affine(x.dims()[1], affine.as_ref());
    #[cfg(feature = "flex")]
    if extension::covers(&x, affine.as_ref()) {
        return extension::instance_norm(x, affine, eps, false);
    }
    composed::instance_norm3d(x, affine, eps)
}

/// `relu(instance_norm3d(x, affine, eps))` in one pass.
///
/// Channel dropout between the two commutes with the ReLU (its factors are not negative), so that
/// [`dropout3d`](crate::dropout3d) may follow this function in place of standing inside it.
///
/// # Panics
/// As [`instance_norm3d`].
pub fn instance_norm_relu(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    check_affine(x.dims()[1], affine.as_ref());
    #[cfg(feature = "flex")]
    if extension::covers(&x, affine.as_ref()) {
        return extension::instance_norm(x, affine, eps, true);
    }
    composed::instance_norm_relu(x, affine, eps)
}

/// `relu(instance_norm3d(a, None, eps) + instance_norm3d(b, None, eps))`: the end of a residual block, where `a` comes
/// from its convolutions and `b` from its 1×1×1 shortcut.
///
/// # Panics
/// When the shapes of `a` and `b` differ.
pub fn instance_norm_add_relu(a: Tensor<5>, b: Tensor<5>, eps: f64) -> Tensor<5> {
    check_branches(&a, &b);
    #[cfg(feature = "flex")]
    if extension::covers(&a, None) && extension::covers(&b, None) {
        return extension::instance_norm_add_relu(a, b, eps);
    }
    composed::instance_norm_add_relu(a, b, eps)
}

/// Panics unless weight and bias have one value a channel.
fn check_affine(channels: usize, affine: Option<&(Tensor<1>, Tensor<1>)>) {
    if let Some((weight, bias)) = affine {
        let (weight, bias) = (weight.dims()[0], bias.dims()[0]);
        assert!(
            weight == channels && bias == channels,
            "instance_norm3d: {channels} channels, but {weight} weights and {bias} biases"
        );
    }
}

/// Panics unless the two branches of a residual block agree in shape.
fn check_branches(a: &Tensor<5>, b: &Tensor<5>) {
    assert_eq!(a.dims(), b.dims(), "instance_norm_add_relu: the branches differ in shape");
}
