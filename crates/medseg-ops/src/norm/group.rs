//! Group normalisation.

use burn::tensor::Tensor;

use super::{check_affine, instance_norm3d};

/// Normalises every group of neighbouring channels of every sample of `x` `[batch, channel, depth, height, width]`, then scales
/// and shifts by `affine`, a weight and a bias of one value a channel. As PyTorch's `GroupNorm`.
///
/// # Panics
/// If `groups` does not divide the channels, or weight and bias do not have one value a channel.
pub fn group_norm3d(x: Tensor<5>, groups: usize, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    let dims @ [batch, channels, depth, height, width] = x.dims();
    assert!(groups > 0 && channels.is_multiple_of(groups), "group_norm3d: {channels} channels in {groups} groups");
    check_affine("group_norm3d", channels, affine.as_ref());
    // A group's channels lie one after the other, so they are one channel of a thicker image.
    let thick = x.reshape([batch, groups, channels / groups * depth, height, width]);
    let y = instance_norm3d(thick, None, eps).reshape(dims);
    let Some((weight, bias)) = affine else { return y };
    let row = |t: Tensor<1>| t.cast(y.dtype()).reshape([1, channels, 1, 1, 1]);
    let (weight, bias) = (row(weight), row(bias));
    y * weight + bias
}
