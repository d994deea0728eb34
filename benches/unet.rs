//! The residual U-Net of channels [16, 32, 64, 128, 256] at 96³ and 128³: forward in f32 and bf16, and forward with
//! backward.
//!
//! `cargo bench --bench unet`; `benches/peers/unet.py` measures the same with PyTorch. `MEDSEG_BENCH_MEMORY=128` runs one
//! forward pass of that size instead and prints the process's peak resident memory; `MEDSEG_BENCH_PASSES=5` makes so many after
//! it and prints their median, `MEDSEG_BENCH_PRECISION=bf16` in that precision, `MEDSEG_BENCH_NETWORK=plain` through nnU-Net's
//! default network instead: `benches/peers/openvino_unet.py` does so in turn with OpenVINO. `MEDSEG_BENCH_DEVICE=cuda` (or another
//! name that the examples' `--device` takes) measures on that device instead of the CPU.

use std::time::{Duration, Instant};

use burn::tensor::Distribution;
use criterion::{Criterion, criterion_group, criterion_main};
use medseg::device::DeviceChoice;
use medseg::ops::Precision;
use medseg::unet::{StagedUNetConfig, UNetConfig};
use medseg::{Device, Tensor};

/// The device that the environment asks for, the CPU by default.
fn device() -> Device {
    let name = std::env::var("MEDSEG_BENCH_DEVICE").unwrap_or_else(|_| "cpu".into());
    name.parse().and_then(DeviceChoice::open).unwrap_or_else(|e| panic!("{e}")).device
}

/// A result that has been computed: GPUs do so behind the program's back.
fn done<T>(device: &Device, result: T) -> T {
    device.sync().expect("the device computes");
    result
}

fn image(side: usize, device: &Device) -> Tensor<5> {
    Tensor::random([1, 1, side, side, side], Distribution::Uniform(0.0, 1.0), device)
}

fn bench(c: &mut Criterion) {
    if let Ok(side) = std::env::var("MEDSEG_BENCH_MEMORY") {
        return memory(side.parse().expect("MEDSEG_BENCH_MEMORY is a size in voxels"));
    }
    let config = UNetConfig::default();
    for side in [96, 128] {
        let mut group = c.benchmark_group(format!("unet {side}^3"));
        group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
        let plain = device();
        let x = image(side, &plain);
        for (name, precision) in [("forward", Precision::F32), ("forward bf16", Precision::Bf16)] {
            let network = config.init_seeded(1, &plain).expect("a network").with_precision(precision);
            group.bench_function(name, |b| b.iter(|| done(&plain, network.forward(x.clone()))));
        }
        let tracked = device().autodiff();
        let network = config.init_seeded(1, &tracked).expect("a network");
        let x = image(side, &tracked);
        group.bench_function("forward and backward", |b| {
            b.iter(|| done(&tracked, network.forward(x.clone()).mean().backward()));
        });
    }
}

/// Prints the peak memory of one forward pass, and the median time of more if they are asked for.
fn memory(size: usize) {
    let device = device();
    let setting = |name: &str| std::env::var(name).unwrap_or_default();
    let precision = if setting("MEDSEG_BENCH_PRECISION") == "bf16" { Precision::Bf16 } else { Precision::F32 };
    let forward: Box<dyn Fn(Tensor<5>) -> Tensor<5>> = if setting("MEDSEG_BENCH_NETWORK") == "plain" {
        let config = StagedUNetConfig::default();
        let network = config.init_seeded(1, &device).expect("a network").with_precision(precision);
        Box::new(move |x| network.forward(x).expect("sizes that suit"))
    } else {
        let network = UNetConfig::default().init_seeded(1, &device).expect("a network").with_precision(precision);
        Box::new(move |x| network.forward(x))
    };
    let x = image(size, &device);
    let mean = forward(x.clone()).mean().into_scalar::<f32>();
    let passes: usize = setting("MEDSEG_BENCH_PASSES").parse().unwrap_or(0);
    let time = |_| {
        let start = Instant::now();
        done(&device, forward(x.clone()));
        start.elapsed().as_secs_f64()
    };
    let mut seconds: Vec<f64> = (0..passes).map(time).collect();
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(passes / 2).map_or(String::new(), |median| format!("{median:.3} s, "));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{median}forward at {size}^3 (mean {mean}): {peak}");
}

criterion_group!(benches, bench);
criterion_main!(benches);
