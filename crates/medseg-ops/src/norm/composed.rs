//! Instance normalisation out of Burn's own operations.

use super::{check_affine, check_branches};
use burn::tensor::{DType, Tensor, activation::relu, s};

/// [`instance_norm3d`](crate::instance_norm3d) composed of Burn's own tensor operations; runs and differentiates on
/// every backend. Half-precision input is normalised in f32 and rounded at the end.
///
/// # Panics
/// As [`instance_norm3d`](crate::instance_norm3d).
pub fn instance_norm3d(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    let dims @ [batch, channels, depth, height, width] = x.dims();
    check_affine(channels, affine.as_ref());
    let dtype = x.dtype();
    let half = matches!(dtype, DType::F16 | DType::BF16);
    let x = if half { x.cast(DType::F32) } else { x };
    // A constant shift changes nothing but the rounding: a constant channel becomes exactly 0, a large offset small.
    let first = x.clone().slice(s![.., .., 0..1, 0..1, 0..1]).detach();
    let rows = (x - first).reshape([batch, channels, depth * height * width]);
    let centred = rows.clone() - rows.mean_dim(2);
    let variance = centred.clone().square().mean_dim(2);
    let normalised = centred / (variance + eps).sqrt();
    let scaled = match affine {
        None => normalised,
        Some((weight, bias)) => {
            let row = |t: Tensor<1>| t.cast(normalised.dtype()).reshape([1, channels, 1]);
            let (weight, bias) = (row(weight), row(bias));
            normalised * weight + bias
        }
    };
    let out = scaled.reshape(dims);
    if half { out.cast(dtype) } else { out }
}

/// [`instance_norm_relu`](crate::instance_norm_relu) composed of Burn's own tensor operations.
///
/// # Panics
/// As [`instance_norm3d`](crate::instance_norm3d).
pub fn instance_norm_relu(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    relu(instance_norm3d(x, affine, eps))
}

/// [`instance_norm_add_relu`](crate::instance_norm_add_relu) composed of Burn's own tensor operations.
///
/// # Panics
/// When the shapes of `a` and `b` differ.
pub fn instance_norm_add_relu(a: Tensor<5>, b: Tensor<5>, eps: f64) -> Tensor<5> {
    check_branches(&a, &b);
    relu(instance_norm3d(a, None, eps) + instance_norm3d(b, None, eps))
}
