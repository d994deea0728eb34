//! Convolutions.

use burn::tensor::{DType, Tensor, TensorData};
use medseg::ops::{
    ConvOptions, NormRelu, Precision, Upsample, composed, concat, conv_transpose3d, conv3d, conv3d_concat,
    conv3d_makes_concat, norm_relu_conv3d, release_memory,
};

use medseg_testing::Golden;

use crate::device::gpu;
use crate::same::{F32, Tolerance, assert_close, layers, numbers, products, same, same_in, values};

/// Of products in half precision.
const HALF: Tolerance = Tolerance { value: 1e-2, largest: 1e-2 };

fn padded(padding: [usize; 3]) -> ConvOptions {
    ConvOptions { padding, ..ConvOptions::default() }
}

/// Input of `[batch, in, sides]` and weights `[out, in, kernel]`.
fn tensors(x: [usize; 5], out: usize, [d, h, w]: [usize; 3]) -> [TensorData; 2] {
    [numbers(1, x), numbers(2, [out, x[1], d, h, w])]
}

/// Fails unless output and gradients of a convolution are those of a golden file.
fn check_golden(case: &Golden, conv: impl Fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>) -> Tensor<5>) {
    let device = gpu().autodiff();
    let data = |name: &str| TensorData::new(case.tensor(name).f32(), case.tensor(name).shape.clone());
    let leaf = |name: &str| Tensor::<5>::from_data(data(name), &device).require_grad();
    let (x, weight) = (leaf("input"), leaf("weight"));
    let bias = case.has("bias").then(|| Tensor::<1>::from_data(data("bias"), &device).require_grad());
    let y = conv(x.clone(), weight.clone(), bias.clone());
    let gradients = (y.clone() * Tensor::from_data(data("cotangent"), &device)).sum().backward();
    let check = |name: &str, got: Vec<f32>| {
        let largest = case.tensor(name).values.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let Tolerance { value: rtol, largest: of_largest } = products();
        let atol = case.atol.max(f64::from(of_largest) * largest);
        case.check_within(name, got.into_iter().map(f64::from), case.rtol.max(f64::from(rtol)), atol);
    };
    check("expected", values(y));
    check("grad_input", values(x.grad(&gradients).expect("a gradient")));
    check("grad_weight", values(weight.grad(&gradients).expect("a gradient")));
    if let Some(bias) = bias {
        check("grad_bias", values(bias.grad(&gradients).expect("a gradient")));
    }
}

fn cubic(case: &Golden, key: &str) -> [usize; 3] {
    [case.params[key].as_u64().unwrap_or_else(|| panic!("{}: no {key}", case.name)) as usize; 3]
}

#[test]
fn golden_convolutions() {
    for case in Golden::all_of("medseg-ops", "conv3d") {
        let options = ConvOptions { stride: cubic(&case, "stride"), ..padded(cubic(&case, "padding")) };
        check_golden(&case, |x, weight, bias| conv3d(x, weight, bias, options));
    }
    for case in Golden::all_of("medseg-ops", "conv_transpose3d") {
        let [stride, padding, more] = ["stride", "padding", "output_padding"].map(|key| cubic(&case, key));
        check_golden(&case, |x, weight, bias| conv_transpose3d(x, weight, bias, stride, padding, more));
    }
}

/// Those of f16 and bf16 that the GPU has.
fn half_types() -> impl Iterator<Item = DType> {
    [DType::F16, DType::BF16].into_iter().filter(|dtype| {
        let has = gpu().supports_dtype(*dtype);
        if !has {
            eprintln!("{:?} has no {dtype:?}", gpu());
        }
        has
    })
}

fn same_conv(what: &str, x: [usize; 5], out: usize, kernel: [usize; 3], options: ConvOptions) {
    same(what, &tensors(x, out, kernel), |t| conv3d(t[0].clone(), t[1].clone(), None, options), products());
}

#[test]
fn kernels_of_three() {
    same_conv("padding 0, 1, 2", [2, 5, 4, 6, 7], 16, [3; 3], padded([0, 1, 2]));
    same_conv("one channel in", [2, 1, 5, 3, 4], 16, [3; 3], padded([1; 3]));
    same_conv("one channel out", [1, 16, 5, 3, 4], 1, [3; 3], padded([1; 3]));
    same_conv("three channels", [1, 3, 3, 4, 5], 5, [3; 3], padded([2; 3]));
}

#[test]
fn kernels_of_one() {
    same_conv("5 to 3", [2, 5, 3, 4, 5], 3, [1; 3], padded([0; 3]));
    same_conv("1 to 1", [1, 1, 3, 4, 5], 1, [1; 3], padded([0; 3]));
}

/// Enough voxels that the weight gradient is summed in parts.
#[test]
fn many_voxels() {
    same_conv("of views", [1, 8, 17, 16, 15], 8, [3; 3], padded([1; 3]));
    same_conv("of copies", [2, 2, 16, 16, 16], 4, [3; 3], padded([1; 3]));
    same_conv("of neither", [1, 8, 16, 16, 16], 16, [1; 3], padded([0; 3]));
}

/// Few voxels and channels that fill 16 bytes: products that load by TMA take such tensors, and must take none whose batches
/// overlap.
#[test]
fn few_voxels_with_aligned_channels() {
    for (x, out) in [
        ([1, 16, 4, 4, 4], 16),
        ([1, 32, 3, 2, 2], 32),
        ([2, 32, 8, 8, 8], 64),
        ([1, 64, 6, 5, 4], 32),
        ([1, 32, 12, 12, 12], 32),
    ] {
        same_conv(&format!("{x:?} to {out}"), x, out, [3; 3], padded([1; 3]));
    }
    same_conv("kernel of 5 along the width", [1, 16, 4, 4, 8], 16, [1, 1, 5], padded([0, 0, 2]));
    let half = |t: &[Tensor<5>]| conv3d(t[0].clone(), t[1].clone(), None, padded([1; 3]));
    same_in(DType::F16, "in half precision", &tensors([2, 32, 4, 4, 4], 32, [3; 3]), half, HALF);
}

#[test]
fn the_weight_gradient_is_burns_and_the_same_when_run_again() {
    let gradient = |conv: fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>| {
        let device = gpu().autodiff();
        let [x, weight] = tensors([2, 8, 14, 13, 12], 5, [3; 3]);
        let weight = Tensor::<5>::from_data(weight, &device).require_grad();
        let y = conv(Tensor::from_data(x, &device), weight.clone(), None, padded([1; 3]));
        let cotangent = Tensor::from_data(numbers(3, y.dims()), &device);
        values(weight.grad(&(y * cotangent).sum().backward()).expect("a gradient"))
    };
    let ours = gradient(conv3d);
    assert_close("against Burn's", &ours, &gradient(composed::conv3d), products());
    assert_eq!(ours, gradient(conv3d));
}

#[test]
fn any_kernel_and_stride() {
    let stride = |stride: [usize; 3], padding| ConvOptions { stride, ..padded(padding) };
    same_conv("kernel 3, stride 2", [2, 5, 5, 6, 7], 6, [3; 3], stride([2; 3], [1; 3]));
    same_conv("kernel 2, stride 2", [1, 5, 5, 6, 4], 6, [2; 3], stride([2; 3], [0; 3]));
    same_conv("kernel 2, 3, 1", [1, 6, 4, 5, 3], 5, [2, 3, 1], stride([1; 3], [1, 0, 0]));
    same_conv("kernel 5, 5, 1, stride 2, 1, 1", [1, 5, 7, 6, 3], 5, [5, 5, 1], stride([2, 1, 1], [2, 1, 0]));
}

#[test]
fn transposed() {
    for (what, kernel, stride, padding, more) in [
        ("kernel 2, stride 2", [2; 3], [2; 3], [0; 3], [0; 3]),
        ("kernel 2, 1, 3, stride as much", [2, 1, 3], [2, 1, 3], [0; 3], [0; 3]),
        ("kernel 3, stride 2", [3; 3], [2; 3], [1; 3], [1; 3]),
        ("kernel 3, stride 1", [3; 3], [1; 3], [1; 3], [0; 3]),
    ] {
        let [d, h, w] = kernel;
        let inputs = [numbers(1, [2, 6, 3, 4, 5]), numbers(2, [6, 5, d, h, w])];
        let op = |t: &[Tensor<5>]| conv_transpose3d(t[0].clone(), t[1].clone(), None, stride, padding, more);
        same(what, &inputs, op, products());
    }
}

#[test]
fn with_a_bias() {
    let [x, weight] = tensors([2, 5, 3, 4, 5], 3, [1; 3]);
    let op = |t: &[Tensor<5>]| conv3d(t[0].clone(), t[1].clone(), Some(t[2].clone().reshape([3])), padded([0; 3]));
    same("bias", &[x, weight, numbers(3, [1, 3, 1, 1, 1])], op, products());
}

#[test]
fn permuted_and_sliced_inputs() {
    let [x, weight] = tensors([2, 6, 4, 5, 3], 4, [3; 3]);
    let view = |x: &Tensor<5>| x.clone().permute([0, 1, 4, 2, 3]).narrow(1, 1, 5).narrow(3, 1, 3);
    let op = |t: &[Tensor<5>]| conv3d(view(&t[0]), t[1].clone().narrow(1, 1, 5), None, padded([1; 3]));
    same("views", &[x, weight], op, products());
}

#[test]
fn joined() {
    for (enlarge, sides) in [
        (Upsample::No, [4, 6, 2]),
        (Upsample::Trilinear2x { align_corners: false }, [2, 3, 1]),
        (Upsample::Trilinear2x { align_corners: true }, [2, 3, 1]),
    ] {
        let [d, h, w] = sides;
        let inputs = [numbers(1, [2, 3, 4, 6, 2]), numbers(2, [2, 5, d, h, w]), numbers(3, [6, 8, 3, 3, 3])];
        let op = |t: &[Tensor<5>]| conv3d_concat(t[0].clone(), t[1].clone(), t[2].clone(), enlarge, padded([1; 3]));
        same(&format!("{enlarge:?}"), &inputs, op, products());
        // As in a residual block: two convolutions share the concatenated tensor.
        let [skip, below, weight] = inputs;
        let inputs = [skip, below, weight, numbers(4, [6, 8, 1, 1, 1])];
        let op = |t: &[Tensor<5>]| {
            assert_eq!(conv3d_makes_concat(&t[0]), t[0].device() == gpu().autodiff());
            let both = concat(t[0].clone(), t[1].clone(), enlarge);
            let main = conv3d(both.clone(), t[2].clone(), None, padded([1; 3]));
            main * conv3d(both, t[3].clone(), None, padded([0; 3]))
        };
        same(&format!("shared, {enlarge:?}"), &inputs, op, layers(F32));
    }
}

/// Arranged weights are saved. What became of weights must not be taken for what they were, nor other weights in the same
/// memory.
#[test]
fn changed_weights_are_arranged_anew() {
    let device = gpu();
    let [x, weight] = tensors([1, 6, 4, 5, 6], 8, [3; 3]);
    let x = Tensor::<5>::from_data(x, &device);
    let convolved = |weight: &Tensor<5>| values(conv3d(x.clone(), weight.clone(), None, padded([1; 3])));
    let mut weight = Tensor::<5>::from_data(weight, &device);
    let first = convolved(&weight);
    assert_eq!(convolved(&weight), first, "the same weights");
    for power in 1..6 {
        // Nobody else of the program has the weights, so Burn is free to change them where they lie.
        weight = weight.mul_scalar(2.0);
        let want: Vec<f32> = first.iter().map(|value| value * f32::from(1u8 << power)).collect();
        assert_eq!(convolved(&weight), want, "weights doubled {power} times");
    }
    let before = convolved(&weight);
    release_memory();
    assert_eq!(convolved(&weight), before, "weights in use when memory is given back");
    let part = |from: usize| weight.clone().narrow(0, from, 4);
    let parts = [convolved(&part(0)), convolved(&part(4))].concat();
    assert_close("two parts of the same memory", &parts, &values(conv3d(x, weight, None, padded([1; 3]))), products());
}

#[test]
fn rectified() {
    let [x, weight] = tensors([2, 5, 4, 3, 5], 6, [3; 3]);
    let affine = numbers(4, [2, 5, 1, 1, 1]);
    let op = |t: &[Tensor<5>]| {
        let row = |at| t[2].clone().narrow(0, at, 1).reshape([5]);
        let factors = Tensor::from_data([[2.0, 0.0, 1.5, 1.0, 0.5], [1.0, 2.0, 0.0, 3.0, 1.0]], &t[0].device());
        let norm = NormRelu { affine: Some((row(0), row(1))), factors: Some(factors), slope: 0.1, eps: 1e-5 };
        norm_relu_conv3d(t[0].clone(), norm, t[1].clone(), padded([1; 3]))
    };
    same("rectified", &[x, weight, affine], op, Tolerance { value: 1e-3, largest: products().largest.max(1e-4) });
}

#[test]
fn half_precision() {
    for dtype in half_types() {
        let convolve = |t: &[Tensor<5>]| conv3d(t[0].clone(), t[1].clone(), None, padded([1; 3]));
        same_in(dtype, "all in half precision", &tensors([1, 6, 4, 5, 6], 8, [3; 3]), convolve, HALF);
        // Weights and their gradient in f32, as in mixed precision.
        let mixed = |t: &[Tensor<5>]| {
            let on_gpu = t[0].device() == gpu().autodiff();
            let x = if on_gpu { t[0].clone().cast(dtype) } else { t[0].clone() };
            let y = conv3d(x.clone(), t[1].clone(), None, padded([1; 3]));
            assert_eq!(y.dtype(), x.dtype());
            y.cast(DType::F32)
        };
        same("mixed precision", &tensors([1, 6, 4, 5, 6], 8, [3; 3]), mixed, HALF);
    }
}

/// Channels in multiples of 16 and rows of 16 voxels or nearly: with tensor cores, one kernel adds up all 27 taps. Tiles that
/// stick out of the image on every side, several samples, one and two blocks of channels, and more tiles than cubes.
#[test]
fn weight_gradients_in_half_precision() {
    for dtype in half_types() {
        let convolve = |t: &[Tensor<5>]| conv3d(t[0].clone(), t[1].clone(), None, padded([1; 3]));
        let check = |what: &str, x: [usize; 5], out: usize| {
            same_in(dtype, &format!("{what} in {dtype:?}"), &tensors(x, out, [3; 3]), convolve, HALF);
        };
        check("16 to 16 channels", [2, 16, 5, 3, 16], 16);
        check("48 to 16 channels", [1, 48, 3, 6, 15], 16);
        check("32 to 64 channels", [2, 32, 3, 5, 30], 64);
        check("64 to 16 channels", [1, 64, 2, 4, 32], 16);
        check("many tiles", [3, 16, 9, 17, 32], 32);
    }
}

#[test]
fn products_in_bf16() {
    let options = ConvOptions { precision: Precision::Bf16, ..padded([1; 3]) };
    let op = |t: &[Tensor<5>]| conv3d(t[0].clone(), t[1].clone(), None, options);
    same("bf16", &tensors([1, 6, 4, 5, 6], 8, [3; 3]), op, HALF);
}
