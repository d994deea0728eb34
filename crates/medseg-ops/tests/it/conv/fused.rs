//! Convolutions that join, enlarge or normalise their input, strided and transposed ones: against Burn's operations in
//! f64, output and every gradient, on random shapes.

use burn::tensor::{DType, Device, Tensor};
use medseg_ops::{ConvOptions, NormRelu, Precision, Upsample, composed};
use medseg_ops::{concat, conv_transpose3d, conv3d, conv3d_concat, norm_relu, norm_relu_conv3d};

use super::compare::{SAME, assert_close, wide};
use crate::numbers::{Numbers, values};

/// Output and gradients of `run`'s tensors, each in f32 or f64.
fn with_gradients<const N: usize>(
    inputs: &[Tensor<5>; N],
    dtype: DType,
    run: impl Fn([Tensor<5>; N]) -> Tensor<5>,
) -> Vec<Vec<f64>> {
    let inputs = inputs.clone().map(|x| x.cast(dtype).detach().require_grad());
    let y = run(inputs.clone());
    let cotangent = Numbers::new(99).tensor(y.dims(), &y.device()).cast(dtype);
    let grads = (y.clone() * cotangent).sum().backward();
    // What a round does not use has no gradient.
    std::iter::once(wide(y)).chain(inputs.into_iter().filter_map(|x| x.grad(&grads)).map(wide)).collect()
}

fn check<const N: usize>(
    what: &str,
    inputs: &[Tensor<5>; N],
    ours: impl Fn([Tensor<5>; N]) -> Tensor<5>,
    burns: impl Fn([Tensor<5>; N]) -> Tensor<5>,
) {
    let (got, want) = (with_gradients(inputs, DType::F32, ours), with_gradients(inputs, DType::F64, burns));
    assert_eq!(got.len(), want.len(), "{what}: gradients");
    for (part, (got, want)) in got.iter().zip(&want).enumerate() {
        assert_close(&format!("{what}, part {part}"), got, want, 1e-5);
    }
}

fn options(kernel: usize) -> ConvOptions {
    ConvOptions { padding: [kernel / 2; 3], ..SAME }
}

#[test]
fn joined_inputs() {
    let (mut numbers, device) = (Numbers::new(1), Device::flex().autodiff());
    for round in 0..24 {
        let enlarge = match round % 3 {
            0 => Upsample::No,
            n => Upsample::Trilinear2x { align_corners: n == 1 },
        };
        let [batch, a, b, output] = [2, 9, 9, 12].map(|end| 1 + numbers.below(end));
        let small = [4, 5, 12].map(|end| 1 + numbers.below(end));
        let large = if enlarge == Upsample::No { small } else { small.map(|length| 2 * length) };
        let kernel = if round % 2 == 0 { 3 } else { 1 };
        let with = |channels: usize, [d, h, w]: [usize; 3]| [batch, channels, d, h, w];
        let inputs = [
            numbers.tensor(with(a, large), &device),
            numbers.tensor(with(b, small), &device),
            numbers.tensor([output, a + b, kernel, kernel, kernel], &device),
        ];
        check(
            &format!("{large:?}, {a} + {b} -> {output}, kernel {kernel}, {enlarge:?}"),
            &inputs,
            |[skip, below, weight]| conv3d_concat(skip, below, weight, enlarge, options(kernel)),
            |[skip, below, weight]| composed::conv3d_concat(skip, below, weight, enlarge, options(kernel)),
        );
        check(
            &format!("concatenated before, round {round}: {enlarge:?}, {large:?}, kernel {kernel}"),
            &inputs,
            |[skip, below, weight]| conv3d(concat(skip, below, enlarge), weight, None, options(kernel)),
            |[skip, below, weight]| composed::conv3d_concat(skip, below, weight, enlarge, options(kernel)),
        );
    }
}

#[test]
fn normalised_and_rectified_inputs() {
    let (mut numbers, device) = (Numbers::new(2), Device::flex().autodiff());
    for round in 0..16 {
        let [batch, channels, output] = [2, 17, 12].map(|end| 1 + numbers.below(end));
        let [d, h, w] = [5, 6, 20].map(|end| 2 + numbers.below(end));
        let kernel = if round % 4 == 3 { 1 } else { 3 };
        let factors = (round % 2 == 0).then(|| {
            let factors: Vec<f32> = (0..batch * channels).map(|_| [0.0, 1.25, 2.0][numbers.below(3)]).collect();
            crate::numbers::tensor(factors, [batch, channels], &device)
        });
        let inputs = [
            numbers.tensor([batch, channels, d, h, w], &device),
            numbers.tensor([output, channels, kernel, kernel, kernel], &device),
            numbers.tensor([1, channels, 1, 1, 1], &device),
            numbers.tensor([1, channels, 1, 1, 1], &device),
        ];
        let slope = [0.0, 0.01, 0.5][round % 3];
        let norm = |[weight, bias]: [Tensor<5>; 2]| NormRelu {
            affine: Some((weight.reshape([channels]), bias.reshape([channels]))).filter(|_| round % 4 < 2),
            factors: factors.clone(),
            slope,
            eps: 1e-5,
        };
        check(
            &format!("{:?} -> {output}, kernel {kernel}, factors {}, slope {slope}", [d, h, w], factors.is_some()),
            &inputs,
            |[x, weight, scale, shift]| norm_relu_conv3d(x, norm([scale, shift]), weight, options(kernel)),
            |[x, weight, scale, shift]| composed::norm_relu_conv3d(x, norm([scale, shift]), weight, options(kernel)),
        );
    }
}

#[test]
fn any_kernel_and_stride() {
    let (mut numbers, device) = (Numbers::new(3), Device::flex().autodiff());
    for _ in 0..40 {
        let kernel = [0; 3].map(|_| 1 + numbers.below(3));
        let stride = [0; 3].map(|_| 1 + numbers.below(3));
        let padding: [usize; 3] = std::array::from_fn(|a| numbers.below(kernel[a] + 1));
        let [d, h, w]: [usize; 3] = std::array::from_fn(|a| kernel[a] + numbers.below([6, 6, 40][a]));
        let [batch, channels, output] = [2, 9, 11].map(|end| 1 + numbers.below(end));
        let options = ConvOptions { stride, padding, ..SAME };
        let inputs = [
            numbers.tensor([batch, channels, d, h, w], &device),
            numbers.tensor([output, channels, kernel[0], kernel[1], kernel[2]], &device),
        ];
        check(
            &format!("{:?}, {channels} -> {output}, kernel {kernel:?}, {options:?}", [d, h, w]),
            &inputs,
            |[x, weight]| conv3d(x, weight, None, options),
            |[x, weight]| composed::conv3d(x, weight, None, options),
        );
    }
}

/// Kernels and strides that no fused operation takes run as its parts do, not on Burn's convolution.
#[test]
fn other_kernels_and_strides_are_the_parts_to_the_last_bit() {
    let (mut numbers, device) = (Numbers::new(8), Device::flex().autodiff());
    for (kernel, stride) in [([1, 3, 3], [1; 3]), ([3; 3], [2; 3]), ([1, 3, 3], [1, 2, 2]), ([5, 1, 3], [1; 3])] {
        let options = ConvOptions { stride, padding: kernel.map(|k| k / 2), ..SAME };
        let inputs = [
            numbers.tensor([2, 5, 4, 6, 10], &device),
            numbers.tensor([2, 3, 4, 6, 10], &device),
            numbers.tensor([7, 8, kernel[0], kernel[1], kernel[2]], &device),
        ];
        let run = |run: &dyn Fn([Tensor<5>; 3]) -> Tensor<5>| with_gradients(&inputs, DType::F32, run);
        let fused = run(&|[skip, below, weight]| conv3d_concat(skip, below, weight, Upsample::No, options));
        let parts = run(&|[skip, below, weight]| conv3d(Tensor::cat(vec![skip, below], 1), weight, None, options));
        assert!(fused == parts, "concatenated, kernel {kernel:?}, stride {stride:?}");

        let inputs = [numbers.tensor([2, 8, 4, 6, 10], &device), inputs[2].clone()];
        let leaky = || NormRelu { slope: 0.01, ..NormRelu::default() };
        let run = |run: &dyn Fn([Tensor<5>; 2]) -> Tensor<5>| with_gradients(&inputs, DType::F32, run);
        let fused = run(&|[x, weight]| norm_relu_conv3d(x, leaky(), weight, options));
        let parts = run(&|[x, weight]| conv3d(norm_relu(x, leaky()), weight, None, options));
        assert!(fused == parts, "normalised, kernel {kernel:?}, stride {stride:?}");
    }
}

#[test]
fn transposed() {
    let (mut numbers, device) = (Numbers::new(4), Device::flex().autodiff());
    for round in 0..30 {
        // Every other time what a U-Net takes.
        let (kernel, stride) = match round % 2 {
            0 => ([2; 3], [2; 3]),
            _ => ([0; 3].map(|_| 1 + numbers.below(3)), [0; 3].map(|_| 1 + numbers.below(3))),
        };
        let padding: [usize; 3] = std::array::from_fn(|a| numbers.below(kernel[a]) / 2);
        let more: [usize; 3] = std::array::from_fn(|a| numbers.below(stride[a]));
        let [d, h, w]: [usize; 3] = std::array::from_fn(|a| 1 + numbers.below([4, 5, 20][a]));
        let [batch, channels, output] = [2, 11, 9].map(|end| 1 + numbers.below(end));
        let inputs = [
            numbers.tensor([batch, channels, d, h, w], &device),
            numbers.tensor([channels, output, kernel[0], kernel[1], kernel[2]], &device),
        ];
        check(
            &format!("{:?}, {channels} -> {output}, kernel {kernel:?}, {stride:?}, {padding:?}, {more:?}", [d, h, w]),
            &inputs,
            |[x, weight]| conv_transpose3d(x, weight, None, stride, padding, more),
            |[x, weight]| composed::conv_transpose3d(x, weight, None, stride, padding, more),
        );
    }
}

#[test]
fn products_in_bf16_are_near_and_leave_the_gradients_alone() {
    let (mut numbers, device) = (Numbers::new(5), Device::flex().autodiff());
    let inputs = [numbers.tensor([1, 21, 6, 9, 33], &device), numbers.tensor([17, 21, 3, 3, 3], &device)];
    let with = |precision: Precision| {
        let options = ConvOptions { precision, ..SAME };
        with_gradients(&inputs, DType::F32, |[x, weight]| conv3d(x, weight, None, options))
    };
    let (half, single) = (with(Precision::Bf16), with(Precision::F32));
    assert_close("output", &half[0], &single[0], 5e-3);
    assert!(half[1..] == single[1..]);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(6);
    let skip = numbers.tensor([1, 5, 18, 22, 40], &device);
    let below = numbers.tensor([1, 7, 9, 11, 20], &device);
    let weight = numbers.tensor([9, 12, 3, 3, 3], &device);
    let second = numbers.tensor([6, 9, 3, 3, 3], &device);
    let third = numbers.tensor([6, 4, 2, 2, 2], &device);
    let run = |[skip, below, weight, second, third]: [Tensor<5>; 5]| {
        let y = conv3d_concat(skip, below, weight, Upsample::Trilinear2x { align_corners: true }, SAME);
        let y = norm_relu_conv3d(y, NormRelu::default(), second.clone(), SAME);
        let y = conv3d(y, second.swap_dims(0, 1), None, ConvOptions { stride: [2; 3], ..SAME });
        conv_transpose3d(y.narrow(1, 0, 6), third, None, [2; 3], [0; 3], [0; 3])
    };
    let inputs = [skip, below, weight, second, third];
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| with_gradients(&inputs, DType::F32, run))
    };
    let one = with(1);
    for threads in [2, 3, 7] {
        assert!(with(threads) == one, "{threads} threads");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let ones = |shape: [usize; 5]| Tensor::<5>::ones(shape, &Device::flex());
    let panics = |run: &dyn Fn() -> Tensor<5>| catch_unwind(AssertUnwindSafe(run)).is_err();
    let trilinear = Upsample::Trilinear2x { align_corners: true };
    let weight = || ones([2, 4, 3, 3, 3]);
    assert!(!panics(&|| conv3d_concat(ones([1, 1, 4, 4, 4]), ones([1, 3, 2, 2, 2]), weight(), trilinear, SAME)));
    assert!(panics(&|| conv3d_concat(ones([1, 1, 4, 4, 4]), ones([1, 3, 4, 4, 4]), weight(), trilinear, SAME)));
    assert!(panics(&|| conv3d_concat(ones([1, 1, 4, 4, 4]), ones([2, 3, 2, 2, 2]), weight(), trilinear, SAME)));
    assert!(panics(&|| conv3d_concat(ones([1, 2, 4, 4, 4]), ones([1, 3, 4, 4, 4]), weight(), Upsample::No, SAME)));
    assert!(!panics(&|| concat(ones([1, 1, 4, 4, 4]), ones([1, 3, 2, 2, 2]), trilinear)));
    assert!(panics(&|| concat(ones([1, 1, 4, 4, 4]), ones([1, 3, 4, 4, 4]), trilinear)));
    assert!(panics(&|| concat(ones([1, 1, 4, 4, 4]), ones([2, 3, 4, 4, 4]), Upsample::No)));
    let factors = |n: usize| Some(Tensor::<2>::ones([1, n], &Device::flex()));
    let norm = |n: usize| {
        let norm = NormRelu { factors: factors(n), ..NormRelu::default() };
        norm_relu_conv3d(ones([1, 4, 3, 3, 3]), norm, weight(), SAME)
    };
    assert!(!panics(&|| norm(4)));
    assert!(panics(&|| norm(3)));
}

/// The gradient of what is enlarged is made of a few samples at a time where they are large: here of one of two.
#[test]
fn large_samples_have_the_gradients_that_each_has_alone() {
    let device = Device::flex().autodiff();
    let mut numbers = Numbers::new(5);
    let (batch, lengths) = (2, [64, 128, 192]);
    let skip: Tensor<5> = numbers.tensor([batch, 1, lengths[0], lengths[1], lengths[2]], &device);
    let below: Tensor<5> = numbers.tensor([batch, 3, lengths[0] / 2, lengths[1] / 2, lengths[2] / 2], &device);
    let weight = numbers.tensor([1, 4, 3, 3, 3], &device);
    let cotangent = numbers.tensor(skip.dims(), &device);
    let gradients = |skip: Tensor<5>, below: Tensor<5>, cotangent: Tensor<5>| {
        let (skip, below) = (skip.detach().require_grad(), below.detach().require_grad());
        let enlarge = Upsample::Trilinear2x { align_corners: true };
        let y = conv3d_concat(skip.clone(), below.clone(), weight.clone(), enlarge, SAME);
        let grads = (y * cotangent).sum().backward();
        [skip, below].map(|x| values(x.grad(&grads).unwrap()))
    };
    let of_all = gradients(skip.clone(), below.clone(), cotangent.clone());
    for sample in 0..batch {
        let alone = |x: &Tensor<5>| x.clone().narrow(0, sample, 1);
        let of_one = gradients(alone(&skip), alone(&below), alone(&cotangent));
        for (all, one) in of_all.iter().zip(&of_one) {
            assert!(all[sample * one.len()..(sample + 1) * one.len()] == one[..], "sample {sample}");
        }
    }
}
