use burn::tensor::{Tensor, activation};

/// Mean binary cross-entropy over all voxels and channels, from logits; target values 0 to 1.
///
/// `softplus(x) - x y`, which never takes the logarithm of a rounded probability.
pub(crate) fn binary(logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
    let softplus = activation::log_sigmoid(logits.clone().neg()).neg();
    (softplus - logits * target).mean()
}

/// Mean categorical cross-entropy over all voxels, from logits; `target` has one channel for each class.
pub(crate) fn categorical(logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
    let [batch, _, depth, height, width] = logits.dims();
    let voxels = (batch * depth * height * width) as f64;
    (activation::log_softmax(logits, 1) * target).sum().div_scalar(-voxels)
}
