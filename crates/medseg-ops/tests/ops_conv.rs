//! Convolutions against Burn's own, whatever the number of threads.

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use medseg_ops::{ConvOptions, composed, conv3d};

/// Output and gradients of x, weight and bias of sum(output · cotangent).
fn run(
    conv: fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>,
    inputs: &[TensorData; 3],
    cotangent: Option<&TensorData>,
    options: ConvOptions,
) -> Vec<TensorData> {
    let device = Device::flex().autodiff();
    let x = Tensor::<5>::from_data(inputs[0].clone(), &device).require_grad();
    let w = Tensor::<5>::from_data(inputs[1].clone(), &device).require_grad();
    let b = Tensor::<1>::from_data(inputs[2].clone(), &device).require_grad();
    let y = conv(x.clone(), w.clone(), Some(b.clone()), options);
    let g = match cotangent {
        Some(g) => Tensor::from_data(g.clone(), &device),
        None => {
            device.seed(5);
            Tensor::random(y.dims(), Distribution::Normal(0.0, 1.0), &device)
        }
    };
    let grads = (y.clone() * g).sum().backward();
    vec![
        y.into_data(),
        x.grad(&grads).unwrap().into_data(),
        w.grad(&grads).unwrap().into_data(),
        b.grad(&grads).unwrap().into_data(),
    ]
}

fn assert_close(got: &TensorData, want: &TensorData, tolerance: f32, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    let want: Vec<f32> = want.iter::<f32>().collect();
    let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    for (n, (g, w)) in got.iter::<f32>().zip(&want).enumerate() {
        assert!((g - w).abs() <= tolerance * (largest + 1e-3), "{what}: value {n} is {g}, not {w} (largest {largest})");
    }
}

fn random(shape: &[usize], seed: u64) -> TensorData {
    let device = Device::flex();
    device.seed(seed);
    let len: usize = shape.iter().product();
    let values = Tensor::<1>::random([len], Distribution::Normal(0.0, 1.0), &device).into_data();
    TensorData::new(values.iter::<f32>().collect::<Vec<_>>(), shape.to_vec())
}

#[test]
fn kernels_agree_with_burns_convolution() {
    // batch, in, out, sides, kernel, padding
    let cases = [
        (1, 1, 1, [1, 1, 1], 3, 1),
        (1, 1, 8, [5, 6, 7], 3, 1),
        (2, 3, 5, [4, 1, 9], 3, 1),
        (1, 8, 8, [12, 13, 48], 3, 1),
        (4, 24, 8, [6, 5, 17], 3, 1),
        (2, 16, 32, [3, 3, 3], 3, 1),
        (1, 65, 33, [2, 3, 2], 3, 1),
        (1, 4, 6, [9, 40, 33], 3, 0),
        (1, 2, 3, [3, 4, 5], 3, 2),
        (2, 5, 7, [3, 4, 31], 1, 0),
        (1, 24, 8, [20, 20, 20], 1, 0),
        (3, 8, 1, [1, 2, 3], 1, 0),
    ];
    for (n, input, output, [d, h, w], kernel, padding) in cases {
        let inputs = [
            random(&[n, input, d, h, w], 1),
            random(&[output, input, kernel, kernel, kernel], 2),
            random(&[output], 3),
        ];
        let options = ConvOptions { padding: [padding; 3], ..ConvOptions::default() };
        let fast = run(conv3d, &inputs, None, options);
        let oracle = run(composed::conv3d, &inputs, None, options);
        for (part, (f, o)) in ["output", "x", "weight", "bias"].iter().zip(fast.iter().zip(&oracle)) {
            assert_close(f, o, 2e-5, &format!("{n} {input}->{output} {d}x{h}x{w} k{kernel} p{padding}: {part}"));
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let inputs = [random(&[2, 6, 9, 20, 21], 1), random(&[10, 6, 3, 3, 3], 2), random(&[10], 3)];
    let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(conv3d, &inputs, None, options))
    };
    let one = with(1);
    for threads in [2, 3, 5] {
        assert_eq!(with(threads), one, "{threads} threads");
    }
}
