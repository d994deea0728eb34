//! A training step of the fine stage of the quick preset: forward, Dice loss, backward, NovoGrad, on four crops of 48³.
//!
//! Run with `cargo bench --bench train_step`; `benches/peers/train_step.py` measures the same with MONAI and PyTorch.
//! `MEDSEG_BENCH_MEMORY=128` takes two steps with the experiments' network, channels [16, 32, 64, 128, 256], on four crops of
//! that side instead and prints the process's peak resident memory; `MEDSEG_BENCH_CHECKPOINTING=1` as well, with gradient
//! checkpointing.
//! `MEDSEG_BENCH_DEVICE=cuda` (or another name that the examples' `--device` takes) measures on that device instead of the CPU.

use std::time::{Duration, Instant};

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Distribution;
use criterion::{Criterion, criterion_group, criterion_main};
use medseg::device::DeviceChoice;
use medseg::losses::{DiceLoss, DiceLossConfig, LossActivation};
use medseg::optim::NovoGradConfig;
use medseg::train::peak_memory_bytes;
use medseg::unet::{UNet, UNetConfig};
use medseg::{Device, Tensor};

/// A network in training on four crops.
struct Training {
    network: Option<UNet>,
    optimizer: ModuleOptimizer,
    dice: DiceLoss,
    image: Tensor<5>,
    label: Tensor<5>,
}

impl Training {
    fn new(config: &UNetConfig, side: usize, device: &Device) -> Self {
        let image = Tensor::<5>::random([4, 1, side, side, side], Distribution::Uniform(0.0, 1.0), device);
        let dice = DiceLossConfig { activation: LossActivation::Sigmoid, ..DiceLossConfig::default() };
        Self {
            network: Some(config.init_seeded(1, device).expect("a network")),
            optimizer: NovoGradConfig::default().init().expect("an optimiser"),
            dice: dice.init().expect("a loss"),
            label: image.clone().greater_elem(0.5).float(),
            image,
        }
    }

    /// One step; returns the loss.
    fn step(&mut self) -> f32 {
        let before = self.network.take().expect("the network of the last step");
        let loss = self.dice.forward(before.forward(self.image.clone()), self.label.clone());
        let value = loss.clone().into_scalar::<f32>();
        let gradients = GradientsParams::from_grads(loss.backward(), &before);
        self.network = Some(self.optimizer.step(0.001, before, gradients));
        value
    }
}

fn bench(c: &mut Criterion) {
    if let Ok(side) = std::env::var("MEDSEG_BENCH_MEMORY") {
        return memory(side.parse().expect("MEDSEG_BENCH_MEMORY is a side in voxels"));
    }
    let name = std::env::var("MEDSEG_BENCH_DEVICE").unwrap_or_else(|_| "cpu".into());
    let device = name.parse().and_then(DeviceChoice::open).unwrap_or_else(|e| panic!("{e}")).device.autodiff();
    let config = UNetConfig { channels: vec![8, 16, 32, 64, 128], dropout: 0.1, ..UNetConfig::default() };
    let mut training = Training::new(&config, 48, &device);
    let mut group = c.benchmark_group("train_step");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    group.bench_function("unet/4x48x48x48", |bencher| bencher.iter(|| training.step()));
    group.finish();
}

/// Prints the peak memory of two training steps of the experiments' network.
fn memory(side: usize) {
    let device = Device::flex().autodiff();
    let checkpointing = std::env::var_os("MEDSEG_BENCH_CHECKPOINTING").is_some();
    let device = if checkpointing { device.gradient_checkpointing() } else { device };
    let mut training = Training::new(&UNetConfig::default(), side, &device);
    for number in 1..=2 {
        let (started, loss) = (Instant::now(), training.step());
        let peak = peak_memory_bytes().unwrap_or_default() >> 20;
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "4 x {side}^3, checkpointing {checkpointing}, step {number}: {seconds:.1} s, loss {loss:.4}, peak {peak} MiB"
        );
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
