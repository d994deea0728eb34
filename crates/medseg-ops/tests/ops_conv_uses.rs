//! Convolutions as networks use them: shared tensors, views, frozen parts, shapes that the kernels leave to Burn.

use burn::tensor::{DType, Device, Distribution, Tensor};
use medseg_ops::{ConvOptions, composed, conv3d};

const SAME: ConvOptions = ConvOptions { stride: [1; 3], padding: [1; 3] };

fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let plain = Device::flex();
    plain.seed(seed);
    let data = Tensor::<D>::random(shape, Distribution::Normal(0.0, 1.0), &plain).into_data();
    Tensor::from_data(data, device)
}

fn assert_close<const D: usize>(got: Tensor<D>, want: Tensor<D>, what: &str) {
    assert_eq!(got.dims(), want.dims(), "{what}");
    let want: Vec<f64> = want.into_data().iter::<f64>().collect();
    let largest = want.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    for (got, want) in got.into_data().iter::<f64>().zip(want) {
        assert!((got - want).abs() <= 2e-5 * largest, "{what}: {got}, not {want}");
    }
}

#[test]
fn gradients_are_those_of_small_steps() {
    let device = Device::flex().autodiff();
    let (x, w) = (random([1, 2, 4, 5, 6], 1, &device), random([3, 2, 3, 3, 3], 2, &device));
    let loss = |x: Tensor<5>, w: Tensor<5>| conv3d(x, w, None, SAME).powi_scalar(2).sum();
    let (x, w) = (x.require_grad(), w.require_grad());
    let grads = loss(x.clone(), w.clone()).backward();
    // Along a random direction; the loss is quadratic, so that a central difference is exact but for rounding.
    for (of, direction) in [(true, random(x.dims(), 3, &device)), (false, random(w.dims(), 4, &device))] {
        let step = |sign: f32| {
            let by = direction.clone().mul_scalar(0.05 * sign);
            let (x, w) = (x.clone().detach(), w.clone().detach());
            let value = if of { loss(x + by, w) } else { loss(x, w + by) };
            f64::from(value.into_scalar::<f32>())
        };
        let numeric = (step(1.0) - step(-1.0)) / 0.1;
        let gradient = if of { x.grad(&grads) } else { w.grad(&grads) }.unwrap();
        let exact = f64::from((gradient * direction.clone().inner()).sum().into_scalar::<f32>());
        assert!((numeric - exact).abs() < 2e-3 * exact.abs().max(1.0), "{numeric} and {exact}");
    }
}

#[test]
fn a_view_gives_what_its_copy_gives() {
    let device = Device::flex();
    let x = random([2, 6, 5, 9, 7], 1, &device);
    let w = random([6, 4, 3, 3, 3], 2, &device);
    let views = [
        x.clone().slice([0..2, 1..5, 0..5, 2..8, 1..6]),
        x.clone().permute([0, 1, 3, 4, 2]).narrow(1, 2, 4),
        x.clone().flip([2, 4]).narrow(1, 0, 4),
        x.narrow(0, 1, 1).narrow(1, 2, 4).expand([3, 4, 5, 9, 7]),
    ];
    for (n, view) in views.into_iter().enumerate() {
        let copy = Tensor::<5>::from_data(view.clone().into_data(), &device);
        let same: Vec<f32> = conv3d(view, w.clone(), None, SAME).into_data().iter().collect();
        assert_eq!(same, conv3d(copy, w.clone(), None, SAME).into_data().iter().collect::<Vec<f32>>(), "view {n}");
    }
}

#[test]
fn what_the_kernels_leave_out_is_burns() {
    let device = Device::flex();
    let x = random([2, 3, 7, 8, 9], 1, &device);
    for (kernel, stride, padding) in [(3, 2, 1), (5, 1, 2), (3, 1, 3), (1, 1, 1), (2, 2, 0), (1, 2, 0)] {
        let options = ConvOptions { stride: [stride; 3], padding: [padding; 3] };
        let w = random([4, 3, kernel, kernel, kernel], 2, &device);
        let want = composed::conv3d(x.clone(), w.clone(), None, options);
        assert_close(conv3d(x.clone(), w, None, options), want, &format!("k{kernel} s{stride} p{padding}"));
    }
    let flat = random([4, 3, 1, 3, 3], 3, &device);
    let options = ConvOptions { padding: [0, 1, 1], ..SAME };
    assert_eq!(conv3d(x.clone(), flat, None, options).dims(), [2, 4, 7, 8, 9]);
    let double = |t: Tensor<5>| t.cast(DType::F64);
    let w = random([4, 3, 3, 3, 3], 4, &device);
    let in_double = conv3d(double(x.clone()), double(w.clone()), None, SAME);
    assert_eq!(in_double.dtype(), DType::F64);
    assert_close(conv3d(x, w, None, SAME).cast(DType::F64), in_double, "f64");
}

#[test]
fn only_what_asks_for_a_gradient_gets_one() {
    let device = Device::flex().autodiff();
    let (x, w) = (random([1, 2, 4, 4, 4], 1, &device), random([2, 2, 3, 3, 3], 2, &device));
    let frozen = conv3d(x.clone().require_grad(), w.clone(), None, SAME).sum().backward();
    assert!(w.grad(&frozen).is_none());
    let x_only = x.clone().require_grad();
    let grads = conv3d(x_only.clone(), w.clone(), None, SAME).sum().backward();
    let of_x = x_only.grad(&grads).unwrap();
    let (x_both, w_both) = (x.require_grad(), w.require_grad());
    let grads = conv3d(x_both.clone(), w_both, None, SAME).sum().backward();
    assert_close(of_x, x_both.grad(&grads).unwrap(), "the input's gradient");
}

#[test]
fn gradients_of_a_tensor_that_is_used_twice_add_up() {
    let device = Device::flex().autodiff();
    let x = random([1, 2, 5, 4, 3], 1, &device).require_grad();
    let w = random([2, 2, 3, 3, 3], 2, &device).require_grad();
    let twice = |conv: fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>| {
        let y = conv(conv(x.clone(), w.clone(), None, SAME), w.clone(), None, SAME) + x.clone();
        let grads = y.powi_scalar(2).sum().backward();
        (x.grad(&grads).unwrap(), w.grad(&grads).unwrap())
    };
    let ((x_fast, w_fast), (x_slow, w_slow)) = (twice(conv3d), twice(composed::conv3d));
    assert_close(x_fast, x_slow, "x");
    assert_close(w_fast, w_slow, "w");
}

#[test]
fn not_a_number_and_infinity_reach_the_output() {
    let device = Device::flex();
    for bad in [f32::NAN, f32::INFINITY] {
        let x = Tensor::<5>::full([1, 1, 5, 5, 20], bad, &device);
        let w = Tensor::<5>::ones([1, 1, 3, 3, 3], &device);
        assert!(conv3d(x, w, None, SAME).into_data().iter::<f32>().all(|v| !v.is_finite()));
    }
}

#[test]
#[should_panic]
fn channels_that_do_not_agree_panic() {
    let device = Device::flex();
    let _ = conv3d(random([1, 3, 4, 4, 4], 1, &device), random([2, 2, 3, 3, 3], 2, &device), None, SAME);
}
