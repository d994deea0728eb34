//! Small networks and what goes through them.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_unet::{Activation, BlockKind, Norm, UNetConfig, Upsample};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub fn small() -> UNetConfig {
    UNetConfig { channels: vec![2, 3, 4, 5, 6], ..UNetConfig::default() }
}

/// Every kind of network that the settings can ask for.
pub fn kinds() -> Vec<UNetConfig> {
    let mut all = Vec::new();
    for block in [BlockKind::TwoLayer, BlockKind::ResTwoLayer, BlockKind::ResFourLayer] {
        for upsample in [Upsample::Trilinear, Upsample::Transposed] {
            for pool_kernel in [2, 3] {
                all.push(UNetConfig { encoder: block, decoder: block, upsample, pool_kernel, ..small() });
            }
        }
    }
    all.push(UNetConfig { encoder: BlockKind::ResFourLayer, decoder: BlockKind::TwoLayer, ..small() });
    all.push(UNetConfig { channels: vec![2, 2, 2, 3, 3, 4], in_channels: 2, out_channels: 3, ..small() });
    all.push(UNetConfig { channels: vec![3, 4], conv_bias: true, final_bias: true, ..small() });
    all.push(UNetConfig { channel_dropout: false, dropout: 0.5, ..small() });
    all.extend(layer_options());
    all
}

/// Every norm with every activation, in turn with the three blocks.
pub fn layer_options() -> Vec<UNetConfig> {
    let norms = [
        Norm::Instance { affine: false },
        Norm::Instance { affine: true },
        Norm::Group { groups: 2 },
        Norm::Batch { momentum: 0.1 },
    ];
    let activations = [Activation::Relu, Activation::LeakyRelu { slope: 0.25 }, Activation::Gelu, Activation::Silu];
    let blocks = [BlockKind::TwoLayer, BlockKind::ResTwoLayer, BlockKind::ResFourLayer];
    let pairs = norms.into_iter().flat_map(|norm| activations.into_iter().map(move |activation| (norm, activation)));
    pairs
        .zip(blocks.into_iter().cycle())
        .map(|((norm, activation), block)| UNetConfig {
            channels: vec![4, 6, 8, 10],
            encoder: block,
            decoder: block,
            norm,
            activation,
            out_channels: 2,
            deep_supervision: 2,
            dropout: 0.0,
            conv_bias: block == BlockKind::TwoLayer,
            ..UNetConfig::default()
        })
        .collect()
}

/// Numbers in -1..1, not from Burn's generator, which is one for the whole process.
pub fn noise(shape: [usize; 5], seed: u64, device: &Device) -> Tensor<5> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

pub fn values(tensor: Tensor<5>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}
