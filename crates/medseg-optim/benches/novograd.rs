//! One optimizer step over the kernels of the residual U-Net of channels [16, 32, 64, 128, 256].
//!
//! `cargo bench -p medseg-optim`. To be compared with a training step of that network: the bench `unet` of the root
//! package, "forward and backward" at 96³.

use std::time::{Duration, Instant};

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use medseg_optim::{EmaConfig, NovoGradConfig, clip_global_norm};

#[derive(Debug, Module)]
struct Kernels {
    kernels: Vec<Param<Tensor<5>>>,
}

impl Kernels {
    /// Blocks of two 3×3×3 convolutions and a 1×1×1 shortcut, down and up again, and the last 1×1×1 convolution.
    fn new(device: &Device) -> Self {
        let channels = [16, 32, 64, 128, 256];
        let down = std::iter::once(1).chain(channels).zip(channels);
        let up = channels.windows(2).rev().map(|pair| (pair[0] + pair[1], pair[0]));
        let block = |(input, output): (usize, usize)| [(input, output, 3), (output, output, 3), (input, output, 1)];
        let shapes = down.chain(up).flat_map(block).chain([(16, 1, 1)]);
        let kernel = |(input, output, side)| {
            let values = Tensor::random([output, input, side, side, side], Distribution::Normal(0.0, 0.1), device);
            Param::initialized(burn::module::ParamId::new(), values.require_grad())
        };
        Self { kernels: shapes.map(kernel).collect() }
    }

    fn gradients(&self) -> GradientsParams {
        let loss = self.kernels.iter().map(|k| (k.val() * k.val()).sum()).reduce(|a, b| a + b).expect("kernels");
        GradientsParams::from_grads(loss.backward(), self)
    }
}

fn bench(c: &mut Criterion) {
    let model = Kernels::new(&Device::flex().autodiff());
    let mut group = c.benchmark_group(format!("{} parameters", model.num_params()));
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    for (name, weight_decay) in [("novograd", 0.0), ("novograd, weight decay", 1e-4)] {
        let mut optimizer = NovoGradConfig { weight_decay, ..NovoGradConfig::default() }.init().expect("settings");
        let mut trained = model.clone();
        group.bench_function(name, |b| {
            b.iter_custom(|steps| {
                let mut time = Duration::ZERO;
                for _ in 0..steps {
                    let gradients = trained.gradients();
                    let start = Instant::now();
                    trained = optimizer.step(1e-3, trained.clone(), gradients);
                    time += start.elapsed();
                }
                time
            });
        });
    }
    group.bench_function("clipping", |b| {
        b.iter_batched_ref(|| model.gradients(), |g| clip_global_norm(g, &model, 1.0), BatchSize::PerIteration);
    });
    let mut ema = EmaConfig::default().init(&model).expect("settings");
    group.bench_function("average of weights", |b| b.iter(|| ema.update(&model)));
}

criterion_group!(benches, bench);
criterion_main!(benches);
