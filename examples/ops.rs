//! A convolution with instance norm and ReLU, forward and backward, by this project's kernels and by Burn's operations.

use std::time::{Duration, Instant};

use medseg::ops::{ConvOptions, NormRelu, composed, conv3d, norm_relu};
use medseg::{Device, Tensor};

fn main() {
    let device = Device::flex().autodiff();
    let random = |shape: [usize; 5]| {
        Tensor::<5>::random(shape, burn::tensor::Distribution::Normal(0.0, 1.0), &device).require_grad()
    };
    let (x, weight) = (random([1, 16, 48, 48, 48]), random([16, 16, 3, 3, 3]));
    let same = ConvOptions { padding: [1; 3], ..ConvOptions::default() };

    let norm = NormRelu::default;
    let kernels = |x: Tensor<5>, w: Tensor<5>| norm_relu(conv3d(x, w, None, same), norm());
    let burns = |x: Tensor<5>, w: Tensor<5>| composed::norm_relu(composed::conv3d(x, w, None, same), norm());
    let (ours, our_time) = weight_gradient(kernels, &x, &weight);
    let (theirs, their_time) = weight_gradient(burns, &x, &weight);

    let difference = (ours - theirs.clone()).abs().max().into_scalar::<f32>() / theirs.abs().max().into_scalar::<f32>();
    println!("{our_time:.1?} with the kernels, {their_time:.1?} with Burn's operations");
    println!("largest relative difference of the weights' gradient: {difference:.1e}");
    assert!(difference < 1e-4);
}

/// The gradient of the weights of `f`, summed with different factors, and the time of both passes.
fn weight_gradient(
    f: impl Fn(Tensor<5>, Tensor<5>) -> Tensor<5>,
    x: &Tensor<5>,
    weight: &Tensor<5>,
) -> (Tensor<5>, Duration) {
    let start = Instant::now();
    let y = f(x.clone(), weight.clone());
    let gradients = y.powi_scalar(3).sum().backward();
    (weight.grad(&gradients).expect("the weights require a gradient"), start.elapsed())
}
