//! A training step of the fine stage of the quick preset: forward, Dice loss, backward, NovoGrad, on four crops of 48³.
//!
//! Run with `cargo bench --bench train_step`; `benches/peers/train_step.py` measures the same with MONAI and PyTorch.

use std::time::Duration;

use burn::optim::GradientsParams;
use burn::tensor::Distribution;
use criterion::{Criterion, criterion_group, criterion_main};
use medseg::losses::{Activation, DiceLossConfig};
use medseg::optim::NovoGradConfig;
use medseg::unet::UNetConfig;
use medseg::{Device, Tensor};

fn bench(c: &mut Criterion) {
    let device = Device::flex().autodiff();
    let config = UNetConfig { channels: vec![8, 16, 32, 64, 128], dropout: 0.1, ..UNetConfig::default() };
    let mut network = Some(config.init_seeded(1, &device).expect("a network"));
    let mut optimizer = NovoGradConfig::default().init().expect("an optimiser");
    let dice = DiceLossConfig { activation: Activation::Sigmoid, ..DiceLossConfig::default() }.init().expect("a loss");
    let image = Tensor::<5>::random([4, 1, 48, 48, 48], Distribution::Uniform(0.0, 1.0), &device);
    let label = image.clone().greater_elem(0.5).float();
    let mut group = c.benchmark_group("train_step");
    group.sample_size(10).warm_up_time(Duration::from_secs(2)).measurement_time(Duration::from_secs(10));
    group.bench_function("unet/4x48x48x48", |bencher| {
        bencher.iter(|| {
            let before = network.take().expect("the network of the last step");
            let loss = dice.forward(before.forward(image.clone()), label.clone());
            let value = loss.clone().into_scalar::<f32>();
            let gradients = GradientsParams::from_grads(loss.backward(), &before);
            network = Some(optimizer.step(0.001, before, gradients));
            value
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
