//! The kernels against Burn's own operations, on random shapes.

use super::compare::{Numbers, Op, assert_close, tensor, values, with_grad};
use burn::tensor::{Device, Tensor, s};
use medseg_ops::composed;

/// Compares outputs and gradients of two operations on one random input, and on views of it.
fn compare(what: &str, numbers: &mut Numbers, shape: [usize; 5], op: Op, oracle: Op, tolerance: f32) {
    let device = Device::flex().autodiff();
    let x = numbers.tensor(shape, &device);
    let cotangent = numbers.tensor(oracle(x.clone()).dims(), &device);
    let (got, want) = (with_grad(op, &x, &cotangent), with_grad(oracle, &x, &cotangent));
    let what = format!("{what} {shape:?}");
    assert_close(&what, &got.0, &want.0, tolerance, tolerance);
    assert_close(&format!("{what}, gradient"), &got.1, &want.1, 4.0 * tolerance, 4.0 * tolerance);

    // Without autodiff, where buffers may be reused: a tensor of its own, a shared one, a permuted one, a part.
    let plain = x.inner();
    let original = values(plain.clone());
    assert_close(&what, &values(op(tensor(original.clone(), shape, &Device::flex()))), &want.0, tolerance, tolerance);
    assert_close(&what, &values(op(plain.clone())), &want.0, tolerance, tolerance);
    assert_close(&format!("{what}, input"), &values(plain.clone()), &original, 0.0, 0.0);
    let permuted = plain.clone().permute([1, 0, 2, 4, 3]);
    assert_close(&what, &values(op(permuted.clone())), &values(oracle(permuted)), tolerance, tolerance);
    let part = plain.slice(s![.., -1.., .., .., ..]);
    assert_close(&what, &values(op(part.clone())), &values(oracle(part)), tolerance, tolerance);
}

/// Shapes with several samples, odd lengths, lengths of `least` voxels, and long rows.
pub fn shapes(numbers: &mut Numbers, least: usize) -> Vec<[usize; 5]> {
    let mut shapes = vec![
        [1, 1, least, least, least],
        [2, 3, least, 9, 6],
        [2, 1, 7, least, 33],
        [1, 2, 5, 17, least],
        [1, 2, 36, 5, 70],
        [3, 2, 40, 37, 41],
    ];
    for _ in 0..12 {
        shapes.push([
            1 + numbers.below(3),
            1 + numbers.below(4),
            least + numbers.below(12),
            least + numbers.below(12),
            least + numbers.below(40),
        ]);
    }
    shapes
}

#[test]
fn max_pool() {
    let mut numbers = Numbers::new(1);
    for (kernel, stride, padding) in
        [(2, 2, 0), (2, 2, 1), (3, 2, 1), (3, 1, 1), (2, 1, 1), (1, 1, 0), (2, 3, 0), (5, 2, 2), (6, 4, 3), (7, 3, 3)]
    {
        for shape in shapes(&mut numbers, kernel - 2 * padding.min((kernel - 1) / 2)) {
            let op: Op = &|x| medseg_ops::max_pool3d(x, kernel, stride, padding);
            let oracle: Op = &|x| composed::max_pool3d(x, kernel, stride, padding);
            let what = format!("max_pool3d({kernel}, {stride}, {padding})");
            compare(&what, &mut numbers, shape, op, oracle, 1e-6);
        }
    }
}

#[test]
fn max_pool_gives_the_gradient_to_the_first_of_equals() {
    let mut numbers = Numbers::new(2);
    let device = Device::flex().autodiff();
    for (kernel, stride, padding) in [(2, 2, 0), (3, 2, 1), (3, 1, 1), (4, 3, 2)] {
        // Three values only, infinities among them: nearly every window holds ties.
        let choices = [0.0, 1.0, f32::NEG_INFINITY];
        let input = (0..2 * 7 * 8 * 35).map(|_| choices[numbers.below(3)]).collect();
        let x = tensor(input, [1, 2, 7, 8, 35], &device);
        let cotangent = numbers.tensor(composed::max_pool3d(x.clone(), kernel, stride, padding).dims(), &device);
        let pool = |op: fn(Tensor<5>, usize, usize, usize) -> Tensor<5>| {
            let x = x.clone().require_grad();
            let y = op(x.clone(), kernel, stride, padding);
            // Infinite maxima would make the sum of products a NaN: pass the cotangent on through a mask of ones.
            let finite = y.clone().clamp(-1.0e30, 1.0e30);
            let sum = (finite * cotangent.clone()).sum() + (y.clone().mask_fill(y.clone().is_inf(), 0.0)).sum();
            (values(y.detach()), values(x.grad(&sum.backward()).unwrap()))
        };
        let (got, want) = (pool(medseg_ops::max_pool3d), pool(composed::max_pool3d));
        assert_eq!(got.0, want.0);
        assert_close("gradient", &got.1, &want.1, 1e-6, 1e-6);
    }
}

#[test]
fn upsample() {
    let mut numbers = Numbers::new(3);
    for align_corners in [false, true] {
        for shape in shapes(&mut numbers, 1) {
            let op: Op = &|x| medseg_ops::upsample_trilinear2x(x, align_corners);
            let oracle: Op = &|x| composed::upsample_trilinear2x(x, align_corners);
            compare("upsample_trilinear2x", &mut numbers, shape, op, oracle, 2e-6);
        }
    }
}

#[test]
fn instance_norm() {
    let mut numbers = Numbers::new(4);
    for shape in shapes(&mut numbers, 1) {
        let op: Op = &|x| medseg_ops::instance_norm3d(x, None, 1e-5);
        let oracle: Op = &|x| composed::instance_norm3d(x, None, 1e-5);
        let shape = if shape[2..] == [1, 1, 1] { [2, 1, 1, 1, 2] } else { shape };
        compare("instance_norm3d", &mut numbers, shape, op, oracle, 1e-4);
    }
}
