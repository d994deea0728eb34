//! A convolution, its gradients and their comparison.

use burn::tensor::{Device, Tensor};
use medseg_ops::ConvOptions;

use crate::numbers::Numbers;

/// Stride 1, and a kernel of 3 keeps the lengths.
pub const SAME: ConvOptions = ConvOptions { stride: [1; 3], padding: [1; 3], precision: medseg_ops::Precision::F32 };

/// [`medseg_ops::conv3d`] or its composed form.
pub type Conv = fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>;

/// Random tensors on Flex with autodiff: x, weight, bias.
pub fn inputs(seed: u64, x: [usize; 5], weight: [usize; 5]) -> (Tensor<5>, Tensor<5>, Tensor<1>) {
    let (mut numbers, device) = (Numbers::new(seed), Device::flex().autodiff());
    (numbers.tensor(x, &device), numbers.tensor(weight, &device), numbers.tensor([weight[0]], &device))
}

/// Output and gradients of x, weight and bias of the sum of the output times random numbers.
pub fn with_gradients(
    conv: Conv,
    (x, weight, bias): &(Tensor<5>, Tensor<5>, Tensor<1>),
    options: ConvOptions,
) -> [Vec<f64>; 4] {
    let (x, weight, bias) = (x.clone().require_grad(), weight.clone().require_grad(), bias.clone().require_grad());
    let y = conv(x.clone(), weight.clone(), Some(bias.clone()), options);
    let cotangent = Numbers::new(99).tensor(y.dims(), &y.device());
    let grads = (y.clone() * cotangent).sum().backward();
    [wide(y), wide(x.grad(&grads).unwrap()), wide(weight.grad(&grads).unwrap()), wide(bias.grad(&grads).unwrap())]
}

/// The values of a tensor of any float type.
pub fn wide<const D: usize>(x: Tensor<D>) -> Vec<f64> {
    x.into_data().iter::<f64>().collect()
}

/// Within `tolerance` of the largest expected value.
pub fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    let largest = want.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    for (n, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance * largest, "{what}: value {n} is {got}, not {want} of {largest}");
    }
}
