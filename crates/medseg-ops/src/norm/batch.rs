//! Batch normalisation with running statistics.

use burn::module::RunningState;
use burn::tensor::{DType, Tensor, module};

/// Running mean and variance of a batch norm, one value a channel each.
#[derive(Clone, Copy, Debug)]
pub struct RunningStatistics<'a> {
    /// Mean of each channel.
    pub mean: &'a RunningState<Tensor<1>>,
    /// Variance of each channel.
    pub variance: &'a RunningState<Tensor<1>>,
    /// Share of a batch's statistics in the running ones, in (0, 1].
    pub momentum: f64,
}

/// Normalises every channel of `x` `[batch, channel, depth, height, width]`, as PyTorch's `BatchNorm3d`.
///
/// On a device with autodiff it is training: the batch's statistics normalise, and move the running ones at once. Elsewhere
/// the running ones normalise. Half-precision x is normalised in f32 and rounded at the end.
pub fn batch_norm3d(
    x: Tensor<5>,
    (weight, bias): (Tensor<1>, Tensor<1>),
    running: RunningStatistics<'_>,
    eps: f64,
) -> Tensor<5> {
    let dtype = x.dtype();
    let half = matches!(dtype, DType::F16 | DType::BF16);
    let x = if half { x.cast(DType::F32) } else { x };
    let RunningStatistics { mean, variance, momentum } = running;
    let [batch, _, depth, height, width] = x.dims();
    let count = batch * depth * height * width;
    // Of no image there are no statistics, and nothing to learn.
    let y = if !x.device().is_autodiff() || count == 0 {
        module::batch_norm(x, weight, bias, mean.value_sync(), variance.value_sync(), eps)
    } else {
        let seen = module::batch_norm_train(x, weight, bias, eps);
        // As PyTorch: normalised by the biased variance, remembered as the unbiased one. Its single voxel has none.
        let unbiased = count as f64 / (count.max(2) - 1) as f64;
        move_towards(mean, seen.mean, momentum);
        move_towards(variance, seen.variance.mul_scalar(unbiased), momentum);
        seen.output
    };
    if half { y.cast(dtype) } else { y }
}

/// Takes over a share of what a batch shows, at once: what is saved later must not lack the last step.
fn move_towards(state: &RunningState<Tensor<1>>, seen: Tensor<1>, momentum: f64) {
    let moved = state.value_sync().mul_scalar(1.0 - momentum) + seen.detach().mul_scalar(momentum);
    state.update(moved.detach());
    state.value_sync();
}
