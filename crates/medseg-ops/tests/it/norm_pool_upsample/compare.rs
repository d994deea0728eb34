//! Operations, their gradients and their comparison.

use burn::tensor::Tensor;
use medseg_ops::{NormRelu, norm_add_relu, norm_relu};

pub use crate::numbers::{Numbers, tensor, values};

/// An operation on one tensor.
pub type Op<'a> = &'a dyn Fn(Tensor<5>) -> Tensor<5>;

/// Norm and ReLU without parameters.
pub fn relu(x: Tensor<5>) -> Tensor<5> {
    norm_relu(x, NormRelu::default())
}

/// The end of a residual block without parameters.
pub fn add_relu(a: Tensor<5>, b: Tensor<5>) -> Tensor<5> {
    norm_add_relu([(a, None), (b, None)], 0.0, 1e-5)
}

/// `cotangent`, but 0 where `x` is so near 0 that rounding decides whether a ReLU lets it through.
pub fn away_from_kinks(cotangent: Tensor<5>, x: Tensor<5>) -> Tensor<5> {
    cotangent.mask_fill(x.abs().lower_scalar(1e-4), 0.0)
}

/// The output of `op` and the gradient of `sum(output * cotangent)`, for inputs on an autodiff device.
pub fn with_grad(op: impl Fn(Tensor<5>) -> Tensor<5>, x: &Tensor<5>, cotangent: &Tensor<5>) -> (Vec<f32>, Vec<f32>) {
    let x = x.clone().detach().require_grad();
    let y = op(x.clone());
    let grads = (y.clone() * cotangent.clone()).sum().backward();
    (values(y), values(x.grad(&grads).expect("a gradient")))
}

/// `|got - want| <= atol + rtol |want|` everywhere, NaN equal to NaN.
pub fn assert_close(what: &str, got: &[f32], want: &[f32], rtol: f32, atol: f32) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let same = got == want || (got.is_nan() && want.is_nan());
        assert!(same || (got - want).abs() <= atol + rtol * want.abs(), "{what}, value {i}: {got} instead of {want}");
    }
}

pub fn assert_same_bits(what: &str, got: &[f32], want: &[f32]) {
    let differ = got.iter().zip(want).position(|(a, b)| a.to_bits() != b.to_bits());
    assert_eq!((differ, got.len()), (None, want.len()), "{what}");
}
