//! Instance normalisation out of Burn's own operations.

use super::{NormRelu, check_affine, check_branches};
use burn::tensor::{DType, Tensor, activation, s};

/// [`instance_norm3d`](crate::instance_norm3d) composed of Burn's own tensor operations; runs and differentiates on
/// every backend. Half-precision input is normalised in f32 and rounded at the end.
///
/// # Panics
/// As [`instance_norm3d`](crate::instance_norm3d).
pub fn instance_norm3d(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64) -> Tensor<5> {
    let dims @ [batch, channels, depth, height, width] = x.dims();
    check_affine("instance_norm3d", channels, affine.as_ref());
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

/// [`norm_relu`](crate::norm_relu) composed of Burn's own tensor operations.
///
/// # Panics
/// As [`norm_relu`](crate::norm_relu).
pub fn norm_relu(x: Tensor<5>, norm: NormRelu) -> Tensor<5> {
    norm.check("norm_relu", &x);
    let [batch, channels, ..] = x.dims();
    let y = instance_norm3d(x, norm.affine, norm.eps);
    let y = match norm.factors {
        None => y,
        Some(factors) => {
            let factors = factors.cast(y.dtype()).reshape([batch, channels, 1, 1, 1]);
            y * factors
        }
    };
    leaky_relu(y, norm.slope)
}

/// [`norm_add_relu`](crate::norm_add_relu) composed of Burn's own tensor operations.
///
/// # Panics
/// As [`norm_add_relu`](crate::norm_add_relu).
pub fn norm_add_relu(branches: [(Tensor<5>, Option<(Tensor<1>, Tensor<1>)>); 2], slope: f64, eps: f64) -> Tensor<5> {
    check_branches(&branches);
    let [a, b] = branches.map(|(x, affine)| instance_norm3d(x, affine, eps));
    leaky_relu(a + b, slope)
}

fn leaky_relu(x: Tensor<5>, slope: f64) -> Tensor<5> {
    if slope == 0.0 { activation::relu(x) } else { activation::leaky_relu(x, slope) }
}
