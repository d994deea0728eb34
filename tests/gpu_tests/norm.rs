//! Instance norm with what follows it, and the end of a residual block.

use burn::tensor::{DType, Device, Tensor, TensorData, s};
use medseg::ops::{NormRelu, instance_norm3d, norm_add_relu, norm_relu};

use crate::device::gpu;
use crate::golden;
use crate::same::{F32, Tolerance, numbers, same, same_in, values};

/// What is asked of a norm beside its input, which comes first of the tensors given to [`Asked::of`].
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// A weight and a bias, `[1, channels, 1, 1, 1]` each, come second and third.
    affine: bool,
    factors: bool,
    slope: f64,
}

const PLAIN: Asked = Asked { affine: false, factors: false, slope: 0.0 };
const ALL: Asked = Asked { affine: true, factors: true, slope: 0.01 };

impl Asked {
    /// Input and parameters.
    fn inputs(self, shape: [usize; 5]) -> Vec<TensorData> {
        let parameters = (self.affine).then(|| [2, 3].map(|seed| numbers(seed, [1, shape[1], 1, 1, 1])));
        std::iter::once(numbers(1, shape)).chain(parameters.into_iter().flatten()).collect()
    }

    fn norm(self, tensors: &[Tensor<5>], slope: f64) -> NormRelu {
        let [batch, channels, ..] = tensors[0].dims();
        let row = |x: &Tensor<5>| x.clone().reshape([channels]);
        let factors = (0..batch * channels).map(|n| [1.25, 0.0, 2.0][n % 3]).collect::<Vec<f32>>();
        let factors = TensorData::new(factors, [batch, channels]);
        NormRelu {
            affine: self.affine.then(|| (row(&tensors[1]), row(&tensors[2]))),
            factors: self.factors.then(|| Tensor::from_data(factors, &tensors[0].device())),
            slope,
            eps: 1e-3,
        }
    }

    fn of(self, tensors: &[Tensor<5>]) -> Tensor<5> {
        norm_relu(tensors[0].clone(), self.norm(tensors, self.slope))
    }

    /// [`of`](Self::of) without what lies so near a ReLU's kink that rounding decides on which side.
    fn far_from_kinks(self, inputs: &[TensorData], near: f32) -> impl Fn(&[Tensor<5>]) -> Tensor<5> {
        let linear = on_cpu(inputs, |x| norm_relu(x[0].clone(), self.norm(x, 1.0)));
        let far = far_from_0(linear, near);
        move |tensors| masked(self.of(tensors), &far)
    }
}

/// The output of an operation on the CPU.
fn on_cpu(inputs: &[TensorData], op: impl Fn(&[Tensor<5>]) -> Tensor<5>) -> Tensor<5> {
    let tensors: Vec<Tensor<5>> = inputs.iter().map(|data| Tensor::from_data(data.clone(), &Device::flex())).collect();
    op(&tensors)
}

/// 1 where a value is not nearly 0.
fn far_from_0(x: Tensor<5>, near: f32) -> TensorData {
    let shape = x.dims();
    TensorData::new(values(x).iter().map(|v| f32::from(u8::from(v.abs() > near))).collect::<Vec<f32>>(), shape)
}

fn masked(x: Tensor<5>, mask: &TensorData) -> Tensor<5> {
    let mask = Tensor::<5>::from_data(mask.clone(), &x.device()).cast(x.dtype());
    x * mask
}

/// Fails unless the norm is the same on both devices.
fn check(what: &str, asked: Asked, inputs: &[TensorData]) {
    same(&format!("{what}: {asked:?}"), inputs, asked.far_from_kinks(inputs, 1e-4), F32);
}

#[test]
fn golden_files() {
    for case in golden::cases("instance_norm3d") {
        let eps = case.params["eps"].as_f64().expect("a number");
        if case.params["affine"] == false {
            golden::check(&case, |x| instance_norm3d(x, None, eps), 0.0);
            continue;
        }
        let device = gpu().autodiff();
        let data = |name: &str| TensorData::new(case.tensor(name).f32(), case.tensor(name).shape.clone());
        let x = Tensor::<5>::from_data(data("input"), &device).require_grad();
        let affine = ["weight", "bias"].map(|name| Tensor::<1>::from_data(data(name), &device).require_grad());
        let [weight, bias] = affine.clone();
        let y = instance_norm3d(x.clone(), Some((weight, bias)), eps);
        let grads = (y.clone() * Tensor::from_data(data("cotangent"), &device)).sum().backward();
        let check = |name: &str, got: Vec<f32>| case.check(name, got.into_iter().map(f64::from));
        check("expected", values(y));
        check("grad_input", values(x.grad(&grads).expect("a gradient")));
        for (name, of) in ["grad_weight", "grad_bias"].into_iter().zip(&affine) {
            check(name, values(of.grad(&grads).expect("a gradient")));
        }
    }
}

#[test]
fn any_number_of_channels() {
    for channels in [1, 3, 4, 16, 33, 130] {
        for asked in [PLAIN, Asked { factors: true, ..PLAIN }, Asked { slope: 0.01, affine: true, ..PLAIN }, ALL] {
            check("as it comes", asked, &asked.inputs([2, channels, 5, 6, 7]));
        }
    }
}

#[test]
fn without_a_relu() {
    let inputs = ALL.inputs([2, 5, 6, 7, 3]);
    same("without affine", &inputs[..1], |x| instance_norm3d(x[0].clone(), None, 1e-5), F32);
    let row = |x: &Tensor<5>| x.clone().reshape([5]);
    let affine = |x: &[Tensor<5>]| instance_norm3d(x[0].clone(), Some((row(&x[1]), row(&x[2]))), 1e-5);
    same("with affine", &inputs, affine, F32);
}

#[test]
fn channels_last_in_and_out() {
    // The outer norm hands the inner one a channels-last gradient, so that both passes read vectors of channels.
    for (channels, vectors) in [(4, "one"), (6, "pairs"), (16, "four"), (260, "more than a cube holds")] {
        let asked = Asked { slope: 1.0, ..ALL };
        let inputs = asked.inputs([2, channels, 3, 5, 4]);
        // No leaf: the outer norm takes the bias away, so that its gradient is 0 but for rounding.
        let (bias, leaves) = (inputs[2].clone(), &inputs[..2]);
        let twice = |x: &[Tensor<5>]| {
            let inner = x[0].clone().permute([0, 2, 3, 4, 1]) * 1.0;
            let bias = Tensor::from_data(bias.clone(), &x[0].device());
            let inner = asked.of(&[inner.permute([0, 4, 1, 2, 3]), x[1].clone(), bias]);
            norm_relu(inner, NormRelu { slope: 1.0, eps: 0.1, ..NormRelu::default() })
        };
        same(&format!("{channels} channels, {vectors}"), leaves, twice, F32);
    }
}

#[test]
fn views() {
    let asked = Asked { slope: 1.0, ..ALL };
    let inputs = asked.inputs([2, 8, 6, 5, 9]);
    type View = fn(Tensor<5>) -> Tensor<5>;
    let views: [(&str, View); 5] = [
        ("axes in another order", |x| x.permute([0, 1, 4, 2, 3])),
        ("samples in another order", |x| x.permute([2, 1, 0, 4, 3])),
        ("a part", |x| x.slice(s![.., .., 1..5, 2..4, 3..9])),
        ("backwards", |x| x.flip([0, 3])),
        ("repeated", |x| x.slice(s![0..1, .., .., .., ..]).expand([3, 8, 6, 5, 9])),
    ];
    for (what, view) in views {
        same(what, &inputs, |x| asked.of(&[view(x[0].clone()), x[1].clone(), x[2].clone()]), F32);
    }
    let channels = |x: &[Tensor<5>]| {
        let part = |x: &Tensor<5>| x.clone().slice(s![.., 2..7, .., .., ..]);
        asked.of(&[part(&x[0]), part(&x[1]), part(&x[2])])
    };
    same("some of the channels", &inputs, channels, F32);
}

#[test]
fn branches() {
    for (channels, slope, [affine_a, affine_b]) in
        [(1, 0.0, [false, false]), (3, 0.2, [true, false]), (16, 0.0, [true, true]), (33, 0.01, [false, true])]
    {
        let shape = [2, channels, 5, 4, 7];
        let parameters = [3, 4, 5, 6].map(|seed| numbers(seed, [1, channels, 1, 1, 1]));
        // Every parameter takes part, so that each has a gradient: as a 0 where the norm has none.
        let end = |x: &[Tensor<5>], slope: f64| {
            let row = |n: usize| x[n].clone().reshape([channels]);
            let [a, b] = [affine_a.then(|| (row(2), row(3))), affine_b.then(|| (row(4), row(5)))];
            let unused = x[2..]
                .iter()
                .fold(0.0 * x[0].clone().slice(s![0..1, .., 0..1, 0..1, 0..1]), |all, x| all + x.clone() * 0.0);
            norm_add_relu([(x[0].clone(), a), (x[1].clone(), b)], slope, 1e-3) + unused
        };
        let inputs: Vec<TensorData> = [numbers(1, shape), numbers(2, shape)].into_iter().chain(parameters).collect();
        let far = far_from_0(on_cpu(&inputs, |x| end(x, 1.0)), 1e-4);
        same(&format!("{channels} channels"), &inputs, |x| masked(end(x, slope), &far), F32);
    }
}

#[test]
fn branches_channels_last() {
    let inputs = [1, 2].map(|seed| numbers(seed, [2, 3, 5, 4, 8]));
    let end = |x: &[Tensor<5>]| {
        let [a, b] = [0, 1].map(|n| x[n].clone().permute([0, 4, 1, 2, 3]));
        let end = norm_add_relu([(a, None), (b, None)], 1.0, 1e-3);
        norm_relu(end, NormRelu { slope: 1.0, eps: 0.1, ..NormRelu::default() })
    };
    same("branches", &inputs, end, F32);
    let unlike = |x: &[Tensor<5>]| {
        let (a, b) = (x[0].clone().permute([0, 4, 1, 2, 3]), x[1].clone().reshape([2, 8, 3, 5, 4]));
        norm_add_relu([(a, None), (b, None)], 1.0, 1e-3)
    };
    same("branches that differ in layout", &inputs, unlike, F32);
}

#[test]
fn a_constant_channel_becomes_its_bias() {
    let device = gpu();
    for constant in [0.1f32, -12345.678, 3.0e37] {
        let x = Tensor::<5>::full([2, 3, 7, 17, 19], constant, &device);
        let row = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device);
        let y = values(instance_norm3d(x.clone(), None, 1e-5));
        assert!(y.iter().all(|&y| y == 0.0), "{constant}");
        let y = instance_norm3d(x, Some((row([2.0, 3.0, 4.0]), row([-1.0, 0.25, 0.0]))), 1e-5);
        let want: Vec<f32> = [-1.0, 0.25, 0.0, -1.0, 0.25, 0.0].iter().flat_map(|&bias| [bias; 7 * 17 * 19]).collect();
        assert_eq!(values(y), want);
    }
}

#[test]
fn a_large_offset_costs_no_accuracy() {
    let shape = [2, 3, 13, 17, 19];
    let small: Vec<f32> = numbers(1, shape).try_to_vec().expect("f32");
    // Exact in f32.
    let small: Vec<f32> = small.iter().map(|v| (v * 16.0).round() / 16.0).collect();
    let norm = |x: &[Tensor<5>]| instance_norm3d(x[0].clone(), None, 1e-5);
    let offset = TensorData::new(small.iter().map(|v| v + 1e4).collect::<Vec<f32>>(), shape);
    same("offset", &[offset], norm, F32);
    // Where the differences begin, and within a part of the voxels.
    for at in [0, 1, 700, 4198] {
        let mut outlier = small.clone();
        outlier[at] = 1e5;
        same(&format!("outlier at {at}"), &[TensorData::new(outlier, shape)], norm, F32);
    }
}

#[test]
fn one_voxel_is_its_own_mean() {
    let x = Tensor::<5>::from_data(numbers(1, [2, 3, 1, 1, 1]), &gpu().autodiff()).require_grad();
    let y = instance_norm3d(x.clone(), None, 1e-5);
    let grads = y.clone().sum().backward();
    assert_eq!((values(y), values(x.grad(&grads).expect("a gradient"))), (vec![0.0; 6], vec![0.0; 6]));
}

#[test]
fn nan_stays_in_its_channel() {
    let mut input: Vec<f32> = numbers(1, [1, 4, 6, 8, 20]).try_to_vec().expect("f32");
    for special in [f32::NAN, f32::INFINITY] {
        input[1000] = special;
        let x = Tensor::<5>::from_data(TensorData::new(input.clone(), [1, 4, 6, 8, 20]), &gpu());
        let y = values(instance_norm3d(x, None, 1e-5));
        for (channel, y) in y.chunks(960).enumerate() {
            assert!(y.iter().all(|y| y.is_nan() == (channel == 1)), "{special} in channel 1, seen in {channel}");
        }
    }
}

#[test]
fn twice_gives_the_same_bits() {
    let bits = || {
        let device = gpu().autodiff();
        let x = Tensor::<5>::from_data(numbers(1, [2, 5, 17, 19, 23]), &device).require_grad();
        let y = norm_add_relu([(x.clone(), None), (x.clone().flip([2]), None)], 0.01, 1e-5);
        let y = norm_relu(y, NormRelu::default());
        let grads = (y.clone() * Tensor::from_data(numbers(2, [2, 5, 17, 19, 23]), &device)).sum().backward();
        let all = [values(y), values(x.grad(&grads).expect("a gradient"))].concat();
        all.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
    };
    assert!(bits() == bits());
}

#[test]
fn half_precision() {
    for (dtype, off) in [(DType::F16, 4e-3), (DType::BF16, 3e-2)] {
        if !gpu().supports_dtype(dtype) {
            eprintln!("the GPU has no {dtype:?}");
            continue;
        }
        let tolerance = Tolerance { value: off, largest: off };
        let inputs = ALL.inputs([2, 16, 5, 6, 7]);
        same_in(dtype, &format!("norm in {dtype:?}"), &inputs, ALL.far_from_kinks(&inputs, 10.0 * off), tolerance);
        let y = instance_norm3d(Tensor::<5>::from_data(inputs[0].clone(), &gpu()).cast(dtype), None, 1e-5);
        assert_eq!(y.dtype(), dtype);
        // Parameters in f32 beside a tensor that is not.
        let x = Tensor::<5>::from_data(inputs[0].clone(), &gpu()).cast(dtype);
        let [weight, bias] = [1, 2].map(|n| Tensor::<5>::from_data(inputs[n].clone(), &gpu()).reshape([16]));
        let mixed = instance_norm3d(x, Some((weight, bias)), 1e-5);
        assert_eq!(mixed.dtype(), dtype);
        let want = on_cpu(&inputs, |x| {
            let [weight, bias] = [1, 2].map(|n| x[n].clone().reshape([16]));
            instance_norm3d(x[0].clone(), Some((weight, bias)), 1e-5)
        });
        crate::same::assert_close("f32 parameters", &values(mixed), &values(want), tolerance);
    }
}
