//! Half-precision input: what lies between the operations has its type, weights and logits are f32.

use burn::tensor::{DType, Device};
use medseg_unet::UNetConfig;

use super::networks::{kinds, noise, values};

/// Cosine of the angle between two lists of numbers.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn every_kind_computes_and_learns_in_bf16_nearly_what_it_does_in_f32() {
    let device = Device::flex().autodiff();
    for config in kinds().into_iter().map(|config| UNetConfig { dropout: 0.0, ..config }) {
        let network = config.init_seeded(1, &device).unwrap();
        let length = 2 * config.size_multiple();
        let x = noise([1, config.in_channels, length, length, length], 2, &device);
        let run = |dtype: DType| {
            let outputs = network.forward_deep(x.clone().cast(dtype));
            assert!(outputs.iter().all(|y| y.dtype() == DType::F32), "{config:?}");
            let losses = outputs.iter().map(|y| (y.clone() - noise(y.dims(), 3, &device)).powi_scalar(2).mean());
            let gradients = losses.reduce(|a, b| a + b).unwrap().backward();
            let gradients: Vec<f32> = network
                .named_gradients(&gradients)
                .iter()
                .flat_map(|(_, g)| g.iter::<f32>().collect::<Vec<_>>())
                .collect();
            (values(outputs[0].clone()), gradients)
        };
        let ((full, of_full), (half, of_half)) = (run(DType::F32), run(DType::BF16));
        assert_ne!(full, half, "{config:?}");
        assert!(cosine(&full, &half) > 0.99, "{config:?}: logits: {}", cosine(&full, &half));
        // Norms of a few voxels at the bottom magnify what bf16 rounds away.
        assert!(cosine(&of_full, &of_half) > 0.8, "{config:?}: gradients: {}", cosine(&of_full, &of_half));
    }
}
