//! 3×3×3 convolutions at the layers of a residual U-Net of channels [16, 32, 64, 128, 256] on 128³ voxels: forward, the
//! gradient of the input and that of the weights.
//!
//! `cargo bench --bench conv3d`; throughput is in multiplications and additions of the direct sum (elements). The
//! gradients are timed without the forward pass and without what autodiff spends on the loss, which is timed beside them
//! and subtracted. `MEDSEG_BENCH_BURN=1` times Burn's own
//! convolution too, which takes minutes. `benches/peers/conv3d.py` measures the same with PyTorch.

use std::time::{Duration, Instant};

use burn::tensor::Distribution;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use medseg::ops::{ConvOptions, Precision, composed, conv3d};
use medseg::{Device, Tensor};

/// Input channels, output channels, side.
const SHAPES: [[usize; 3]; 7] =
    [[1, 16, 128], [16, 16, 128], [48, 16, 128], [32, 32, 64], [96, 32, 64], [128, 128, 16], [256, 256, 8]];

type Conv = fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>;

fn random(shape: [usize; 5], device: &Device) -> Tensor<5> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), device)
}

fn bench(c: &mut Criterion) {
    let mut ways: Vec<(&str, Conv)> = vec![("medseg", conv3d)];
    if std::env::var_os("MEDSEG_BENCH_BURN").is_some() {
        ways.push(("burn", composed::conv3d));
    }
    for shape @ [input, output, side] in SHAPES {
        let mut group = c.benchmark_group(format!("conv3d {input}->{output} {side}^3"));
        group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
        group.throughput(Throughput::Elements((2 * 27 * input * output * side.pow(3)) as u64));
        for (name, conv) in &ways {
            forward(&mut group, &format!("forward/{name}"), *conv, shape, Precision::F32);
            gradient(&mut group, &format!("input gradient/{name}"), *conv, shape, true);
            gradient(&mut group, &format!("weight gradient/{name}"), *conv, shape, false);
        }
        forward(&mut group, "forward bf16/medseg", conv3d, shape, Precision::Bf16);
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn forward(group: &mut Group<'_>, name: &str, conv: Conv, [input, output, side]: [usize; 3], precision: Precision) {
    let device = Device::flex();
    let options = ConvOptions { padding: [1; 3], precision, ..ConvOptions::default() };
    let (x, w) = (random([1, input, side, side, side], &device), random([output, input, 3, 3, 3], &device));
    group.bench_function(name, |b| b.iter(|| conv(x.clone(), w.clone(), None, options)));
}

fn gradient(group: &mut Group<'_>, name: &str, conv: Conv, [input, output, side]: [usize; 3], of_input: bool) {
    let device = Device::flex().autodiff();
    let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
    let (x, w) = (random([1, input, side, side, side], &device), random([output, input, 3, 3, 3], &device));
    let (x, w) = if of_input { (x.require_grad(), w) } else { (x, w.require_grad()) };
    let gradient = random([1, output, side, side, side], &device);
    let leaf = gradient.clone().require_grad();
    let backward = |y: Tensor<5>| {
        let loss = (y * gradient.clone()).sum();
        let start = Instant::now();
        std::hint::black_box(loss.backward());
        start.elapsed()
    };
    group.bench_function(name, |b| {
        b.iter_custom(|rounds| {
            let of_round =
                |_| backward(conv(x.clone(), w.clone(), None, options)).saturating_sub(backward(leaf.clone()));
            (0..rounds).map(of_round).sum()
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
