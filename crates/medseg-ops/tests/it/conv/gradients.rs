//! Gradients: slopes, frozen parts, tensors used twice.

use burn::tensor::{DType, Tensor};
use medseg_ops::{composed, conv3d};

use super::compare::{Conv, SAME, assert_close, inputs, wide};
use crate::numbers::Numbers;

#[test]
fn gradients_are_slopes() {
    for kernel in [1, 3] {
        let options = medseg_ops::ConvOptions { padding: [kernel / 2; 3], ..SAME };
        let (x, w, _) = inputs(1, [1, 2, 4, 5, 6], [3, 2, kernel, kernel, kernel]);
        let output = |x: Tensor<5>, w: Tensor<5>| conv3d(x, w, None, options);
        let (x, w) = (x.require_grad(), w.require_grad());
        let y = output(x.clone(), w.clone());
        let cotangent = Numbers::new(2).tensor(y.dims(), &y.device());
        let grads = (y * cotangent.clone()).sum().backward();
        let sum = |x: Tensor<5>, w: Tensor<5>| -> f64 {
            let y = output(x.cast(DType::F64), w.cast(DType::F64));
            wide(y).iter().zip(wide(cotangent.clone())).map(|(y, c)| y * c).sum()
        };
        // Along a random direction, in f64. The convolution is linear in both, so the difference is exact but for rounding.
        for of_x in [true, false] {
            let (at, gradient) = if of_x { (&x, x.grad(&grads)) } else { (&w, w.grad(&grads)) };
            let direction = Numbers::new(3).tensor(at.dims(), &at.device());
            let moved = |sign: f32| {
                let moved = at.clone().detach() + direction.clone().mul_scalar(sign);
                if of_x { sum(moved, w.clone().detach()) } else { sum(x.clone().detach(), moved) }
            };
            let slope = (moved(1.0) - moved(-1.0)) / 2.0;
            let exact: f64 = wide(gradient.unwrap()).iter().zip(wide(direction.clone())).map(|(g, d)| g * d).sum();
            assert!((slope - exact).abs() < 1e-5 * exact.abs().max(1.0), "kernel {kernel}: {slope} and {exact}");
        }
    }
}

#[test]
fn only_what_asks_for_a_gradient_gets_one() {
    let (x, w, _) = inputs(4, [1, 2, 4, 4, 4], [2, 2, 3, 3, 3]);
    let run = |x_asks: bool, w_asks: bool| {
        let (x, w) = (x.clone().set_require_grad(x_asks), w.clone().set_require_grad(w_asks));
        let grads = conv3d(x.clone(), w.clone(), None, SAME).powi_scalar(2).sum().backward();
        (x.grad(&grads).map(wide), w.grad(&grads).map(wide))
    };
    let (of_x, of_w) = run(true, true);
    assert!(of_x.is_some() && of_w.is_some());
    assert_eq!(run(true, false), (of_x, None));
    assert_eq!(run(false, true), (None, of_w));
}

#[test]
fn gradients_of_a_tensor_that_is_used_twice_add_up() {
    let (x, w, _) = inputs(5, [1, 2, 5, 4, 3], [2, 2, 3, 3, 3]);
    let (x, w) = (x.require_grad(), w.require_grad());
    let twice = |conv: Conv| {
        let y = conv(conv(x.clone(), w.clone(), None, SAME), w.clone(), None, SAME) + x.clone();
        let grads = y.powi_scalar(2).sum().backward();
        (wide(x.grad(&grads).unwrap()), wide(w.grad(&grads).unwrap()))
    };
    let ((x_fast, w_fast), (x_slow, w_slow)) = (twice(conv3d), twice(composed::conv3d));
    assert_close("x", &x_fast, &x_slow, 2e-5);
    assert_close("w", &w_fast, &w_slow, 2e-5);
}
