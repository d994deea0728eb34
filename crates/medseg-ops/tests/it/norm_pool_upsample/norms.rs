//! Norms with everything that may follow them, against Burn's own operations, on random shapes: output and every gradient.

use super::compare::{Numbers, assert_close, away_from_kinks, tensor, values};
use super::composed::shapes;
use burn::tensor::{Device, Tensor};
use medseg_ops::{NormRelu, composed};

type Affine = (Tensor<1>, Tensor<1>);

/// A weight and a bias a channel, or none.
fn affine(numbers: &mut Numbers, some: bool, channels: usize, device: &Device) -> Option<Affine> {
    some.then(|| (numbers.tensor([channels], device), numbers.tensor([channels], device)))
}

/// Copies that gradients are wanted of.
fn tracked(affine: &Option<Affine>) -> Option<Affine> {
    affine.clone().map(|(weight, bias)| (weight.detach().require_grad(), bias.detach().require_grad()))
}

/// The gradients of both, where there are any.
fn gradients(affine: &Option<Affine>, grads: &burn::tensor::Gradients) -> Vec<Vec<f32>> {
    let of = |t: &Tensor<1>| values(t.grad(grads).expect("a gradient"));
    affine.iter().flat_map(|(weight, bias)| [of(weight), of(bias)]).collect()
}

/// Factors as dropout draws them.
fn factors(numbers: &mut Numbers, shape: [usize; 2], device: &Device) -> Tensor<2> {
    tensor((0..shape[0] * shape[1]).map(|_| [0.0, 1.25, 2.0][numbers.below(3)]).collect(), shape, device)
}

fn assert_all_close(what: &str, got: &[Vec<f32>], want: &[Vec<f32>]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (part, (got, want)) in got.iter().zip(want).enumerate() {
        assert_close(&format!("{what}, part {part}"), got, want, 1e-3, 1e-3);
    }
}

#[test]
fn norm_relu() {
    let mut numbers = Numbers::new(8);
    let device = Device::flex().autodiff();
    for (n, shape) in shapes(&mut numbers, 2).into_iter().enumerate() {
        let x = numbers.tensor(shape, &device);
        let norm = NormRelu {
            affine: affine(&mut numbers, n % 2 == 1, shape[1], &device),
            factors: (n % 3 == 1).then(|| factors(&mut numbers, [shape[0], shape[1]], &device)),
            slope: [0.0, 0.01, 0.3][n / 2 % 3],
            eps: 1e-3,
        };
        let linear = NormRelu { slope: 1.0, ..norm.clone() };
        let cotangent = away_from_kinks(numbers.tensor(shape, &device), composed::norm_relu(x.clone(), linear));
        let run = |op: fn(Tensor<5>, NormRelu) -> Tensor<5>| {
            let (x, affine) = (x.clone().detach().require_grad(), tracked(&norm.affine));
            let y = op(x.clone(), NormRelu { affine: affine.clone(), ..norm.clone() });
            let grads = (y.clone() * cotangent.clone()).sum().backward();
            let own = [values(y), values(x.grad(&grads).expect("a gradient"))];
            own.into_iter().chain(gradients(&affine, &grads)).collect::<Vec<_>>()
        };
        let got = run(medseg_ops::norm_relu);
        assert_all_close(&format!("{shape:?} {norm:?}"), &got, &run(composed::norm_relu));
        // Without autodiff and in place.
        let inner = NormRelu {
            affine: norm.affine.clone().map(|(weight, bias)| (weight.inner(), bias.inner())),
            factors: norm.factors.clone().map(Tensor::inner),
            ..norm
        };
        let own = tensor(values(x), shape, &Device::flex());
        assert_close("in place", &values(medseg_ops::norm_relu(own, inner)), &got[0], 0.0, 0.0);
    }
}

#[test]
fn a_norm_with_weights_and_no_relu() {
    let mut numbers = Numbers::new(5);
    let device = Device::flex().autodiff();
    for shape in shapes(&mut numbers, 2) {
        let (x, cotangent) = (numbers.tensor(shape, &device), numbers.tensor(shape, &device));
        let affine = affine(&mut numbers, true, shape[1], &device);
        let run = |op: fn(Tensor<5>, Option<Affine>, f64) -> Tensor<5>| {
            let (x, affine) = (x.clone().detach().require_grad(), tracked(&affine));
            let y = op(x.clone(), affine.clone(), 1e-3);
            let grads = (y.clone() * cotangent.clone()).sum().backward();
            let own = [values(y), values(x.grad(&grads).expect("a gradient"))];
            own.into_iter().chain(gradients(&affine, &grads)).collect::<Vec<_>>()
        };
        assert_all_close(&format!("{shape:?}"), &run(medseg_ops::instance_norm3d), &run(composed::instance_norm3d));
    }
}

#[test]
fn norm_add_relu() {
    let mut numbers = Numbers::new(6);
    let device = Device::flex().autodiff();
    type Branch = (Tensor<5>, Option<Affine>);
    for (n, shape) in shapes(&mut numbers, 2).into_iter().enumerate() {
        let slope = [0.0, 0.0, 0.2][n % 3];
        let branches: [Branch; 2] = [n % 2 == 1, n % 4 > 1]
            .map(|with| (numbers.tensor(shape, &device), affine(&mut numbers, with, shape[1], &device)));
        let sum = composed::norm_add_relu(branches.clone(), 1.0, 1e-3);
        let cotangent = away_from_kinks(numbers.tensor(shape, &device), sum);
        let run = |op: fn([Branch; 2], f64, f64) -> Tensor<5>| {
            let branches = branches.each_ref().map(|(x, of)| (x.clone().detach().require_grad(), tracked(of)));
            let y = op(branches.clone(), slope, 1e-3);
            let grads = (y.clone() * cotangent.clone()).sum().backward();
            let of_branches = branches.iter().flat_map(|(x, affine)| {
                let of_x = values(x.grad(&grads).expect("a gradient"));
                std::iter::once(of_x).chain(gradients(affine, &grads))
            });
            std::iter::once(values(y)).chain(of_branches).collect::<Vec<_>>()
        };
        let want = run(composed::norm_add_relu);
        assert_all_close(&format!("{shape:?} {slope}"), &run(medseg_ops::norm_add_relu), &want);
        // In place of a, in place of b, of neither.
        let [(a, of_a), (b, of_b)] =
            branches.map(|(x, affine)| (x.inner(), affine.map(|(weight, bias)| (weight.inner(), bias.inner()))));
        let own = |t: &Tensor<5>| tensor(values(t.clone()), shape, &Device::flex());
        for (a, b) in [(own(&a), b.clone()), (a.clone(), own(&b)), (a.clone(), b.clone())] {
            let y = values(medseg_ops::norm_add_relu([(a, of_a.clone()), (b, of_b.clone())], slope, 1e-3));
            assert_close("without autodiff", &y, &want[0], 1e-3, 1e-3);
        }
    }
}
