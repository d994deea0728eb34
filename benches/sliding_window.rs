//! Sliding-window inference: stitching alone (a predictor that returns its input, once or for 14 classes, so that what is
//! measured is gathering the windows, adding them up with their weights, averaging and reducing), a small convolution, and the
//! U-Nets of the presets. Throughput is in voxels of the image.
//!
//! `cargo bench --bench sliding_window`. `MEDSEG_BENCH_CASE="identity 1 256 512 512 128 4"` (predictor, classes, depth, height,
//! width, window, windows a batch) runs that one case once instead and prints its seconds and its memory, as
//! `benches/peers/sliding_window.py` asks for to compare with MONAI and PyTorch.
//!
//! Built with `--features cuda` or `--features webgpu`, `MEDSEG_BENCH_DEVICE=cuda` or `webgpu` (or `cuda:1`) runs all of it on
//! that GPU; a single case then runs once before it is timed, since kernels are compiled and tuned in the first run.
//! `MEDSEG_BENCH_STITCH=host` or `device` says where windows are stitched; left out, it is where the device's memory is.

use std::hint::black_box;
use std::time::{Duration, Instant};

use burn::tensor::{Device, Distribution, Tensor, TensorData, module, ops::ConvOptions};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use medseg::device::DeviceChoice;
use medseg::kernels::memory::prefer_large_pages;
use medseg_inference::{Blend, Dhw, MaskRule, SlidingWindowConfig, Stitch};
use medseg_unet::UNetConfig;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array4};

/// Shape of the image and side of the window.
const CASES: [(Dhw<usize>, usize); 3] =
    [(Dhw { d: 128, h: 128, w: 128 }, 64), (Dhw { d: 192, h: 256, w: 256 }, 96), (Dhw { d: 256, h: 512, w: 512 }, 128)];

type Network = Box<dyn FnMut(Tensor<5>) -> Tensor<5>>;

/// The device that the environment asks for, the CPU by default.
fn device() -> Device {
    let name = std::env::var("MEDSEG_BENCH_DEVICE").unwrap_or_else(|_| "cpu".into());
    name.parse().and_then(DeviceChoice::open).unwrap_or_else(|e| panic!("MEDSEG_BENCH_DEVICE: {e}")).device
}

/// The place at which the environment wants windows to be stitched.
fn stitch() -> Stitch {
    match std::env::var("MEDSEG_BENCH_STITCH").as_deref() {
        Err(_) => Stitch::Auto,
        Ok("host") => Stitch::Host,
        Ok("device") => Stitch::Device,
        Ok(other) => panic!("MEDSEG_BENCH_STITCH = {other}: host or device"),
    }
}

/// Returns its input, once for every class. Copies are made as the device makes them best, on a CPU by all threads: here the
/// predictor is not the point.
fn identity(classes: usize, device: &Device) -> Network {
    if classes == 1 {
        return Box::new(|windows| windows);
    }
    if *device != Device::flex() {
        return Box::new(move |windows| windows.repeat_dim(1, classes));
    }
    Box::new(move |windows| {
        let (device, [batch, _, d, h, w]) = (windows.device(), windows.dims());
        let values = windows.try_into_vec_as::<f32>().expect("windows");
        let mut copies = Array2::zeros((batch * classes, d * h * w));
        prefer_large_pages(copies.as_slice_mut().expect("C order"));
        copies.outer_iter_mut().into_par_iter().enumerate().for_each(|(index, mut copy)| {
            let window = &values[index / classes * d * h * w..][..d * h * w];
            copy.as_slice_mut().expect("a row").copy_from_slice(window);
        });
        let copies = TensorData::new(copies.into_raw_vec_and_offset().0, [batch, classes, d, h, w]);
        Tensor::from_data(copies, &device)
    })
}

fn convolution(device: &Device) -> Network {
    let weight = Tensor::<5>::random([1, 1, 3, 3, 3], Distribution::Uniform(-1.0, 1.0), device);
    Box::new(move |windows| module::conv3d(windows, weight.clone(), None, ConvOptions::new([1; 3], [1; 3], [1; 3], 1)))
}

fn unet(channels: [usize; 5], device: &Device) -> Network {
    let config = UNetConfig { channels: channels.to_vec(), ..UNetConfig::default() };
    let unet = config.init_seeded(1, device).expect("a network");
    Box::new(move |windows| unet.forward(windows))
}

fn image(shape: Dhw<usize>) -> Array4<f32> {
    Array4::from_shape_fn((1, shape.d, shape.h, shape.w), |(_, z, y, x)| ((z * y + x) % 97) as f32 / 97.0)
}

fn stitching(criterion: &mut Criterion) {
    let device = device();
    let mut group = criterion.benchmark_group("sliding_window");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (shape, roi) in CASES {
        let image = image(shape);
        group.throughput(Throughput::Elements(shape.voxels() as u64));
        for overlap in [0.25, 0.5] {
            for (name, blend) in [("constant", Blend::Constant), ("gaussian", Blend::gaussian())] {
                let sliding = SlidingWindowConfig::new(Dhw::splat(roi)).with_overlap(overlap).with_blend(blend);
                let sliding = sliding.with_stitch(stitch()).init().expect("settings");
                let id = format!("{shape}/roi{roi}/overlap{overlap}/{name}");
                group.bench_function(BenchmarkId::new("logits", &id), |bencher| {
                    bencher.iter(|| {
                        let image = black_box(image.view());
                        sliding.infer(image, &device, &mut identity(1, &device)).logits().expect("logits")
                    });
                });
                for classes in [1, 14] {
                    group.bench_function(BenchmarkId::new(format!("mask of {classes}"), &id), |bencher| {
                        let mut network = identity(classes, &device);
                        bencher.iter(|| {
                            let image = black_box(image.view());
                            sliding.infer(image, &device, &mut network).mask(MaskRule::default()).expect("a mask")
                        });
                    });
                }
            }
        }
    }
    group.finish();
}

/// Networks over images of several windows.
fn networks(criterion: &mut Criterion) {
    let device = device();
    let mut group = criterion.benchmark_group("sliding_window");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_secs(1));
    let cases: [(&str, Network); 2] = [("conv", convolution(&device)), ("unet", unet([8, 16, 32, 64, 128], &device))];
    for (name, mut network) in cases {
        let shape = Dhw { d: 96, h: 128, w: 128 };
        let image = image(shape);
        let sliding = SlidingWindowConfig::new(Dhw::splat(64)).with_stitch(stitch()).init().expect("settings");
        group.throughput(Throughput::Elements(shape.voxels() as u64));
        group.bench_function(format!("{name}/{shape}/roi64/overlap0.25"), |bencher| {
            bencher.iter(|| {
                let image = black_box(image.view());
                sliding.infer(image, &device, &mut network).logits().expect("logits")
            });
        });
    }
    group.finish();
}

/// Runs the case that the environment asks for: overlap 0.5, Gaussian, image to mask. Prints the seconds, what the plan says
/// stitching takes, the memory before, with the image and the network made, and the peak; all in MiB. The memory is the
/// process's, on a GPU what was reserved of the GPU's.
fn once(case: &str) {
    let words: Vec<&str> = case.split_whitespace().collect();
    let numbers: Vec<usize> = words[1..].iter().map(|word| word.parse().expect("a number")).collect();
    let [classes, d, h, w, roi, batch] = numbers[..] else { panic!("MEDSEG_BENCH_CASE = {case}") };
    let device = device();
    let mut network = match words[0] {
        "identity" => identity(classes, &device),
        "conv" => convolution(&device),
        "unet" => unet([16, 32, 64, 128, 256], &device),
        other => panic!("MEDSEG_BENCH_CASE: no predictor {other}"),
    };
    let image = image(Dhw { d, h, w });
    let sliding =
        SlidingWindowConfig::new(Dhw::splat(roi)).with_overlap(0.5).with_blend(Blend::gaussian()).with_batch(batch);
    let sliding = sliding.with_stitch(stitch()).init().expect("settings");
    let mut predict = || {
        let (image, rule) = (black_box(image.view()), MaskRule::default());
        sliding.infer(image, &device, &mut network).mask(rule).expect("a mask")
    };
    let plan = sliding.plan(Dhw { d, h, w }).expect("a plan");
    let reserved = || device.memory_pool_usage().map(|usage| usage.bytes_reserved >> 20);
    let before = reserved().unwrap_or_else(|| memory("VmRSS"));
    if reserved().is_some() {
        predict();
    }
    let started = Instant::now();
    let mask = predict();
    let seconds = started.elapsed().as_secs_f64();
    black_box(mask);
    let on_device = reserved().is_some() && sliding.config().stitch != Stitch::Host;
    let planned = if on_device { plan.device_memory(1, classes).total() } else { plan.memory(1, classes).for_mask() };
    println!("{seconds:.4} {} {before} {}", planned >> 20, reserved().unwrap_or_else(|| memory("VmHWM")));
}

/// A line of the process's status, MiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap_or(0) >> 10
}

fn benches(criterion: &mut Criterion) {
    if let Ok(case) = std::env::var("MEDSEG_BENCH_CASE") {
        return once(&case);
    }
    networks(criterion);
    stitching(criterion);
}

criterion_group!(all, benches);
criterion_main!(all);
