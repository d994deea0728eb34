//! The whole network on the GPU: predictions, training, half precision.

use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};
use medseg::Device;
use medseg::losses::{DiceLossConfig, LossActivation};
use medseg::optim::NovoGradConfig;
use medseg::unet::{UNet, UNetConfig, describe};

use crate::device::{alone, gpu};
use crate::same::{F32, Tolerance, assert_close, layers, numbers, values};

fn config() -> UNetConfig {
    UNetConfig { channels: vec![4, 8], dropout: 0.0, ..UNetConfig::default() }
}

fn network(device: &Device) -> UNet {
    config().init_seeded(1, device).expect("a network")
}

fn image(device: &Device) -> Tensor<5> {
    Tensor::from_data(numbers(2, [2, 1, 8, 4, 6]), device)
}

#[test]
fn the_network_predicts_what_it_does_on_the_cpu() {
    let run = |device: &Device| values(network(device).forward(image(device)));
    assert_close("logits", &run(&gpu()), &run(&Device::flex()), layers(F32));
}

#[test]
fn training_goes_where_it_does_on_the_cpu() {
    let run = |device: Device| {
        let (mut network, image) = (network(&device), image(&device));
        let label = image.clone().greater_elem(0.5).float();
        let dice = DiceLossConfig { activation: LossActivation::Sigmoid, ..DiceLossConfig::default() };
        let dice = dice.init().expect("a loss");
        let mut optimizer = NovoGradConfig::default().init().expect("an optimiser");
        let mut losses = Vec::new();
        for _ in 0..3 {
            let loss = dice.forward(network.forward(image.clone()), label.clone());
            losses.extend(values(loss.clone()));
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(0.01, network, gradients);
        }
        losses
    };
    let want = run(Device::flex().autodiff());
    assert!(want[2] < want[0], "{want:?}");
    let tolerance = layers(Tolerance { value: 1e-4, largest: 0.0 });
    assert_close("losses", &run(gpu().autodiff()), &want, tolerance);
    assert_close("checkpointing", &run(gpu().autodiff().gradient_checkpointing()), &want, tolerance);
}

/// In a process of its own: other tests use the same GPU at the same time.
#[test]
fn a_step_keeps_what_is_counted() {
    alone("network::a_step_keeps_what_is_counted", || {
        let config = UNetConfig { channels: vec![8, 16], dropout: 0.2, ..UNetConfig::default() };
        let cost = describe(&config, [32; 3]).expect("a cost");
        let kinds = [
            (gpu().autodiff(), cost.activation_bytes + cost.concatenated_bytes),
            (gpu().autodiff().gradient_checkpointing(), cost.checkpointed_bytes),
        ];
        for (device, counted) in kinds {
            let network = config.init_seeded(1, &device).expect("a network");
            let image = Tensor::<5>::ones([2, 1, 32, 32, 32], &device);
            let in_use = || {
                device.sync().expect("the GPU works");
                device.memory_pool_usage().expect("a GPU counts its memory").bytes_in_use as f64
            };
            for dtype in [DType::F32, DType::F16].into_iter().filter(|dtype| device.supports_dtype(*dtype)) {
                let before = in_use();
                let logits = network.forward(image.clone().cast(dtype));
                let kept = in_use() - before;
                let half = if dtype == DType::F32 { 1.0 } else { 2.0 };
                // In f32 the image was there before.
                let counted = 2.0 * counted as f64 / half;
                eprintln!("{dtype:?}: {kept} bytes of {counted}");
                let off = kept / counted - 1.0;
                assert!(off.abs() < 0.05, "{dtype:?}: {off}");
                drop(logits);
            }
        }
    });
}

/// Cosine of the angle between two lists of numbers.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn half_precision_predicts_and_learns_nearly_the_same() {
    let device = gpu();
    // The network's own choice is bf16; where there is none, f16 tries the same kernels.
    let Some(half) = [DType::BF16, DType::F16].into_iter().find(|dtype| device.supports_dtype(*dtype)) else {
        eprintln!("{device:?} has no half precision: not tried");
        return;
    };
    let run = |device: &Device, dtype: DType| {
        let device = device.clone().autodiff();
        let network = network(&device);
        let logits = network.forward(image(&device).cast(dtype));
        assert_eq!(logits.dtype(), DType::F32);
        let cotangent = Tensor::<5>::from_data(numbers(3, logits.dims()), &device);
        let gradients = network.named_gradients(&(logits.clone() * cotangent).sum().backward());
        let gradients = gradients.iter().flat_map(|(_, g)| g.iter::<f32>().collect::<Vec<_>>()).collect::<Vec<f32>>();
        (values(logits), gradients)
    };
    let ((want, of_want), (got, of_got)) = (run(&Device::flex(), DType::F32), run(&device, half));
    assert!(cosine(&got, &want) > 0.99, "logits: {}", cosine(&got, &want));
    assert!(cosine(&of_got, &of_want) > 0.95, "gradients: {}", cosine(&of_got, &of_want));
}
