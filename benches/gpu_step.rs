//! The experiments' network on a GPU: a batch of windows forward, and a training step with Dice loss and NovoGrad, in f32
//! (TF32 where the tensor cores take it) and bf16.
//!
//! `MEDSEG_BENCH_DEVICE=cuda cargo bench --features cuda --bench gpu_step -- --side 128 --batch 4` prints, for each, the first
//! run's seconds, in which kernels are compiled and the fastest are chosen, the median of the runs after it, each from an idle
//! to an idle device, and what Burn has then taken of the device's memory. Where the memory is too small the line says so.
//! `benches/peers/gpu_step.py` measures the same with PyTorch. Without `MEDSEG_BENCH_DEVICE` it is the CPU.

use std::time::Instant;

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Distribution;
use clap::Parser;
use medseg::device::{DeviceChoice, reserved_bytes, within_memory};
use medseg::losses::{DiceLoss, DiceLossConfig, LossActivation};
use medseg::optim::{NovoGradConfig, step};
use medseg::unet::{Precision, UNet, UNetConfig};
use medseg::{Device, Tensor};

#[derive(Parser)]
struct Args {
    /// Side of a window.
    #[arg(long, default_value_t = 128)]
    side: usize,
    /// Windows at once.
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Channels of the levels.
    #[arg(long, value_delimiter = ',', default_value = "16,32,64,128,256")]
    channels: Vec<usize>,
    /// Runs whose median is shown.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Parts to measure: forward or train.
    #[arg(long, value_delimiter = ',', default_value = "forward,train")]
    parts: Vec<String>,
    /// Numbers: f32 or bf16.
    #[arg(long, value_delimiter = ',', default_value = "f32,bf16")]
    types: Vec<String>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let name = std::env::var("MEDSEG_BENCH_DEVICE").unwrap_or_else(|_| "cpu".into());
    let chosen = match name.parse().and_then(DeviceChoice::open) {
        Ok(chosen) => chosen,
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(2);
        }
    };
    println!("{}, {} x {}^3, channels {:?}", chosen.name, args.batch, args.side, args.channels);
    for (part, dtype) in args.parts.iter().flat_map(|part| args.types.iter().map(move |dtype| (part, dtype))) {
        let precision = match dtype.as_str() {
            "f32" => Precision::F32,
            "bf16" => Precision::Bf16,
            other => panic!("--types {other}: f32 or bf16"),
        };
        let what = format!("{part} {dtype}");
        match within_memory(&chosen.name, || measure(part, precision, &args, &chosen.device)) {
            Ok(times) => times.print(&what, &chosen.device),
            Err(e) => println!("{what}: {e}"),
        }
        chosen.device.memory_cleanup();
    }
}

/// Seconds of the first run and the median of the others.
struct Times {
    first: f64,
    median: f64,
}

impl Times {
    fn print(&self, what: &str, device: &Device) {
        let memory = reserved_bytes(device).map_or_else(String::new, |bytes| format!(", {} MiB", bytes >> 20));
        println!("{what}: first {:.2} s, then {:.2} ms{memory}", self.first, self.median * 1e3);
    }
}

fn measure(part: &str, precision: Precision, args: &Args, device: &Device) -> Times {
    let config = UNetConfig { channels: args.channels.clone(), ..UNetConfig::default() };
    let shape = [args.batch, 1, args.side, args.side, args.side];
    match part {
        "forward" => {
            let network = config.init_seeded(1, device).expect("a network").with_precision(precision);
            let windows = Tensor::<5>::random(shape, Distribution::Uniform(0.0, 1.0), device);
            timed(args.runs, device, || {
                network.forward(windows.clone());
            })
        }
        "train" => {
            let device = device.clone().autodiff();
            let mut training = Training::new(&config, precision, shape, &device);
            timed(args.runs, &device, || training.step())
        }
        other => panic!("--parts {other}: forward or train"),
    }
}

fn timed(runs: usize, device: &Device, mut run: impl FnMut()) -> Times {
    let mut once = || {
        let started = Instant::now();
        run();
        device.sync().expect("the device computes");
        started.elapsed().as_secs_f64()
    };
    let first = once();
    // What is drawn once in a while, another kernel for the second step say, is not the first run's either.
    once();
    let mut seconds: Vec<f64> = (0..runs.max(1)).map(|_| once()).collect();
    seconds.sort_by(f64::total_cmp);
    Times { first, median: seconds[seconds.len() / 2] }
}

/// A network in training on one batch.
struct Training {
    network: Option<UNet>,
    optimizer: ModuleOptimizer,
    dice: DiceLoss,
    image: Tensor<5>,
    label: Tensor<5>,
}

impl Training {
    fn new(config: &UNetConfig, precision: Precision, shape: [usize; 5], device: &Device) -> Self {
        let image = Tensor::<5>::random(shape, Distribution::Uniform(0.0, 1.0), device);
        let dice = DiceLossConfig { activation: LossActivation::Sigmoid, ..DiceLossConfig::default() };
        Self {
            network: Some(config.init_seeded(1, device).expect("a network").with_precision(precision)),
            optimizer: NovoGradConfig::default().init().expect("an optimiser"),
            dice: dice.init().expect("a loss"),
            label: image.clone().greater_elem(0.5).float(),
            image,
        }
    }

    fn step(&mut self) {
        let before = self.network.take().expect("the network of the last step");
        let loss = self.dice.forward(before.forward(self.image.clone()), self.label.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &before);
        self.network = Some(step(&mut self.optimizer, 0.001, before, gradients));
    }
}
