//! Dropout of voxels and of whole channels.

use burn::tensor::{Device, Distribution, Tensor};

/// Channel dropout for `x` `[batch, channel, depth, height, width]`: each channel of each sample is set to 0 with
/// probability `p`, the others are divided by `1 - p`. The same as PyTorch's `Dropout3d`.
///
/// Active only where gradients are possible, that is when the device of `x` is an autodiff device, as
/// `burn::nn::Dropout` has it; otherwise, and when `p` is 0, `x` is returned as it is. The random numbers come from the
/// device of `x`, so `device.seed(seed)` makes them reproducible.
///
/// # Panics
/// Unless `0 <= p <= 1`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let device = Device::flex();
/// let x = Tensor::<5>::ones([1, 2, 4, 4, 4], &device);
/// // Not an autodiff device: nothing is dropped.
/// assert_eq!(medseg_ops::dropout3d(x, 0.5).sum().into_scalar::<f32>(), 128.0);
/// ```
pub fn dropout3d(x: Tensor<5>, p: f64) -> Tensor<5> {
    let [batch, channels, ..] = x.dims();
    drop(x, [batch, channels], p)
}

/// Dropout of single voxels: each element of `x` is set to 0 with probability `p`, the others are divided by `1 - p`.
/// Active under the same condition, and with the same random numbers, as [`dropout3d`]. PyTorch's `Dropout`.
///
/// # Panics
/// Unless `0 <= p <= 1`.
pub fn dropout(x: Tensor<5>, p: f64) -> Tensor<5> {
    let shape = x.dims();
    drop(x, shape, p)
}

/// Factors `[batch, channels]` of a channel dropout: each 0 with probability `p`, else `1 / (1 - p)`; for
/// [`NormRelu`](crate::NormRelu). None where [`dropout3d`] would change nothing.
///
/// # Panics
/// Unless `0 <= p <= 1`.
pub fn dropout_factors(batch: usize, channels: usize, p: f64, device: &Device) -> Option<Tensor<2>> {
    factors([batch, channels], p, device)
}

fn drop<const D: usize>(x: Tensor<5>, shape: [usize; D], p: f64) -> Tensor<5> {
    let [batch, channels, depth, height, width] = x.dims();
    match factors(shape, p, &x.device()) {
        None => x,
        Some(factors) if D == 2 => x.clone() * factors.cast(x.dtype()).reshape([batch, channels, 1, 1, 1]),
        Some(factors) => x.clone() * factors.cast(x.dtype()).reshape([batch, channels, depth, height, width]),
    }
}

/// Random factors, if any are needed.
fn factors<const D: usize>(shape: [usize; D], p: f64, device: &Device) -> Option<Tensor<D>> {
    assert!((0.0..=1.0).contains(&p), "dropout: the probability {p} is not in 0..=1");
    if p == 0.0 || !device.is_autodiff() {
        return None;
    }
    let saved = 1.0 - p;
    let scale = if saved > 0.0 { saved.recip() } else { 0.0 };
    Some(Tensor::random(shape, Distribution::Bernoulli(saved), device).mul_scalar(scale))
}
