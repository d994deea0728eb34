//! Unusual kernels, special numbers, and shapes that are refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{DType, Device, Tensor};
use medseg_ops::{ConvOptions, composed, conv_transpose3d, conv3d};

use super::compare::{SAME, assert_close, inputs, wide, with_gradients};
use crate::numbers::Numbers;

fn ones(shape: [usize; 5]) -> Tensor<5> {
    Tensor::ones(shape, &Device::flex())
}

#[test]
fn every_kernel_stride_and_padding_agrees_with_burns() {
    for (kernel, stride, padding) in [(3, 2, 1), (5, 1, 2), (3, 1, 3), (1, 1, 1), (2, 2, 0), (1, 2, 0)] {
        let inputs = inputs(1, [2, 3, 7, 8, 9], [4, 3, kernel, kernel, kernel]);
        let options = ConvOptions { stride: [stride; 3], padding: [padding; 3], ..SAME };
        let (got, want) =
            (with_gradients(conv3d, &inputs, options), with_gradients(composed::conv3d, &inputs, options));
        for (got, want) in got.iter().zip(&want) {
            assert_close(&format!("kernel {kernel}, stride {stride}, padding {padding}"), got, want, 1e-5);
        }
    }
    let flat = ConvOptions { padding: [0, 1, 1], ..SAME };
    assert_eq!(conv3d(ones([2, 3, 7, 8, 9]), ones([4, 3, 1, 3, 3]), None, flat).dims(), [2, 4, 7, 8, 9]);
}

#[test]
fn other_types_take_burns_operations() {
    let inputs = inputs(2, [2, 3, 7, 8, 9], [4, 3, 3, 3, 3]);
    let (x, w, b) = inputs.clone();
    let want = with_gradients(conv3d, &inputs, SAME);
    let double = (x.clone().cast(DType::F64).detach(), w.cast(DType::F64).detach(), b.cast(DType::F64).detach());
    assert_eq!(conv3d(double.0.clone(), double.1.clone(), None, SAME).dtype(), DType::F64);
    let (x_f64, w_f64) = (double.0.require_grad(), double.1.require_grad());
    let y = conv3d(x_f64.clone(), w_f64.clone(), Some(double.2), SAME);
    let cotangent = Numbers::new(99).tensor(y.dims(), &y.device()).cast(DType::F64);
    let grads = (y.clone() * cotangent).sum().backward();
    assert_close("output", &wide(y), &want[0], 2e-6);
    assert_close("x", &wide(x_f64.grad(&grads).unwrap()), &want[1], 2e-6);
    assert_close("weight", &wide(w_f64.grad(&grads).unwrap()), &want[2], 2e-6);
}

#[test]
fn not_a_number_and_infinity_reach_the_output() {
    for bad in [f32::NAN, f32::INFINITY] {
        let x = Tensor::<5>::full([1, 1, 5, 5, 20], bad, &Device::flex());
        assert!(wide(conv3d(x, ones([1, 1, 3, 3, 3]), None, SAME)).iter().all(|v| !v.is_finite()));
    }
}

#[test]
fn a_single_voxel_that_is_not_finite_stays_in_its_neighbourhood() {
    let mut values = vec![1.0f32; 5 * 6 * 40];
    values[(2 * 6 + 3) * 40 + 20] = f32::NAN;
    let x = Tensor::from_data(burn::tensor::TensorData::new(values, [1, 1, 5, 6, 40]), &Device::flex());
    let y = wide(conv3d(x, ones([1, 1, 3, 3, 3]), None, SAME));
    assert_eq!(y.iter().filter(|v| v.is_nan()).count(), 27);
}

#[test]
fn an_empty_batch_gives_an_empty_output() {
    assert_eq!(conv3d(ones([0, 2, 4, 5, 6]), ones([3, 2, 3, 3, 3]), None, SAME).dims(), [0, 3, 4, 5, 6]);
    assert_eq!(conv3d(ones([0, 2, 4, 5, 6]), ones([3, 2, 1, 1, 1]), None, ConvOptions::default()).dims()[0], 0);
}

/// The message of the panic.
fn refused<T>(run: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else { panic!("it was accepted") };
    panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|s| s.to_string())).unwrap_or_default()
}

#[test]
fn shapes_that_do_not_fit_are_refused_by_name() {
    let none = ConvOptions::default();
    let bias = |count: usize| Some(Tensor::<1>::ones([count], &Device::flex()));
    for (what, message) in [
        ("channels", refused(|| conv3d(ones([1, 3, 4, 4, 4]), ones([2, 2, 3, 3, 3]), None, SAME))),
        ("bias", refused(|| conv3d(ones([1, 2, 4, 4, 4]), ones([3, 2, 3, 3, 3]), bias(1), SAME))),
        ("bias", refused(|| conv3d(ones([1, 2, 4, 4, 4]), ones([3, 2, 5, 5, 5]), bias(2), SAME))),
        ("kernel", refused(|| conv3d(ones([1, 1, 4, 2, 4]), ones([1, 1, 3, 3, 3]), None, none))),
        ("kernel", refused(|| conv3d(ones([1, 1, 4, 4, 4]), ones([1, 1, 7, 7, 7]), None, SAME))),
        ("kernel", refused(|| conv3d(ones([1, 1, 0, 4, 4]), ones([1, 1, 3, 3, 3]), None, SAME))),
        (
            "stride",
            refused(|| {
                conv3d(ones([1, 1, 4, 4, 4]), ones([1, 1, 3, 3, 3]), None, ConvOptions { stride: [1, 0, 1], ..SAME })
            }),
        ),
    ] {
        assert!(message.starts_with("conv3d: ") && message.contains(what), "{message}");
    }
    let up = |x, w, b, padding: usize| conv_transpose3d(ones(x), ones(w), b, [2; 3], [padding; 3], [0; 3]);
    for (what, message) in [
        ("channels", refused(|| up([1, 3, 4, 4, 4], [2, 2, 2, 2, 2], None, 0))),
        ("bias", refused(|| up([1, 2, 4, 4, 4], [2, 3, 2, 2, 2], bias(2), 0))),
        ("nothing is left", refused(|| up([1, 2, 4, 1, 4], [2, 3, 2, 2, 2], None, 1))),
        ("nothing is left", refused(|| up([1, 2, 0, 1, 4], [2, 3, 2, 2, 2], None, 0))),
    ] {
        assert!(message.starts_with("conv_transpose3d: ") && message.contains(what), "{message}");
    }
}
