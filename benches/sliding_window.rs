//! Sliding-window inference: with the U-Net of the quick preset, and stitching alone (a predictor that returns its input,
//! so that what is measured is gathering the windows, adding them up with their weights, and averaging or thresholding).
//!
//! Throughput is in voxels of the image. Run with `cargo bench --bench sliding_window`; `benches/peers/sliding_window.py`
//! measures the same with MONAI and PyTorch.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Tensor};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use medseg_inference::{Blend, Dhw, MaskRule, NoProgress, SlidingWindow};
use medseg_unet::UNetConfig;
use ndarray::Array4;

const CASES: [(Dhw<usize>, usize); 2] = [(Dhw { d: 128, h: 128, w: 128 }, 64), (Dhw { d: 192, h: 256, w: 256 }, 96)];

fn identity(windows: Tensor<5>) -> Tensor<5> {
    windows
}

fn stitching(criterion: &mut Criterion) {
    let device = Device::flex();
    let mut group = criterion.benchmark_group("sliding_window");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (shape, roi) in CASES {
        let image =
            Array4::from_shape_fn((1, shape.d, shape.h, shape.w), |(_, z, y, x)| ((z * y + x) % 97) as f32 - 48.0);
        group.throughput(Throughput::Elements((shape.d * shape.h * shape.w) as u64));
        for overlap in [0.25, 0.5] {
            for (name, blend) in [("constant", Blend::Constant), ("gaussian", Blend::gaussian())] {
                let sliding = SlidingWindow::new(Dhw::splat(roi)).with_overlap(overlap).with_blend(blend);
                let id = format!("{shape}/roi{roi}/overlap{overlap}/{name}");
                group.bench_function(BenchmarkId::new("logits", &id), |bencher| {
                    bencher.iter(|| {
                        sliding
                            .predict(black_box(&image.view()), &device, &mut identity, &mut NoProgress)
                            .expect("logits")
                    });
                });
                group.bench_function(BenchmarkId::new("mask", &id), |bencher| {
                    let rule = MaskRule::default();
                    bencher.iter(|| {
                        sliding
                            .predict_mask(black_box(&image.view()), rule, &device, &mut identity, &mut NoProgress)
                            .expect("mask")
                    });
                });
            }
        }
    }
    group.finish();
}

/// The network's forward pass over an image of several windows.
fn network(criterion: &mut Criterion) {
    let device = Device::flex();
    let config = UNetConfig { channels: vec![8, 16, 32, 64, 128], ..UNetConfig::default() };
    let unet = config.init_seeded(1, &device).expect("a network");
    let (d, h, w) = (96, 128, 128);
    let image = Array4::from_shape_fn((1, d, h, w), |(_, z, y, x)| ((z * y + x) % 97) as f32 / 97.0);
    let sliding = SlidingWindow::new(Dhw::splat(64)).with_overlap(0.25).with_batch(4);
    let mut group = criterion.benchmark_group("sliding_window");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).throughput(Throughput::Elements((d * h * w) as u64));
    group.bench_function("unet/96x128x128/roi64/overlap0.25", |bencher| {
        let mut predictor = |windows: Tensor<5>| unet.forward(windows);
        bencher.iter(|| {
            sliding.predict(black_box(&image.view()), &device, &mut predictor, &mut NoProgress).expect("logits")
        });
    });
    group.finish();
}

criterion_group!(benches, network, stitching);
criterion_main!(benches);
