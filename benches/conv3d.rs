//! 3D convolutions at a U-Net's shapes: this project's kernels and Burn's own, forward and with both gradients.
//!
//! `cargo bench --bench conv3d`; throughput is in multiplications and additions (elements).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use medseg::ops::{ConvOptions, composed, conv3d};
use medseg::{Device, Tensor};

/// Batch, input channels, output channels, side.
const SHAPES: [[usize; 4]; 6] =
    [[4, 1, 8, 48], [4, 8, 8, 48], [4, 24, 8, 48], [4, 16, 16, 24], [4, 64, 64, 6], [1, 16, 16, 96]];

type Conv = fn(Tensor<5>, Tensor<5>, Option<Tensor<1>>, ConvOptions) -> Tensor<5>;

fn bench(c: &mut Criterion) {
    let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
    let ways: [(&str, Conv); 2] = [("medseg", conv3d), ("burn", composed::conv3d)];
    for [n, input, output, side] in SHAPES {
        let plain = Device::flex();
        let tracked = Device::flex().autodiff();
        let mut group = c.benchmark_group(format!("conv3d {n}x{input}->{output} {side}^3"));
        group.sample_size(10);
        group.throughput(Throughput::Elements((2 * 27 * n * input * output * side.pow(3)) as u64));
        for (name, conv) in ways {
            let x = Tensor::<5>::ones([n, input, side, side, side], &plain);
            let w = Tensor::<5>::ones([output, input, 3, 3, 3], &plain);
            group.bench_function(format!("forward/{name}"), |b| b.iter(|| conv(x.clone(), w.clone(), None, options)));
            let x = Tensor::<5>::ones([n, input, side, side, side], &tracked).require_grad();
            let w = Tensor::<5>::ones([output, input, 3, 3, 3], &tracked).require_grad();
            group.bench_function(format!("forward and gradients/{name}"), |b| {
                b.iter(|| conv(x.clone(), w.clone(), None, options).sum().backward());
            });
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
