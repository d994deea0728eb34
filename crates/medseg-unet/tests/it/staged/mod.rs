//! Networks that are described stage by stage: against nnU-Net's in PyTorch, and in themselves.

mod cost;
mod golden;
mod inputs;
mod settings;
mod training;
mod weights;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_testing::noise;
use medseg_unet::{Activation, EncoderKind, Norm, StageConfig, StagedUNetConfig};

/// A plain network of three stages.
pub fn plain() -> StagedUNetConfig {
    let stages = vec![
        StageConfig::new(2, [1; 3]).with_kernel([1, 3, 3]),
        StageConfig::new(4, [1, 2, 2]).with_blocks(1),
        StageConfig::new(6, [2; 3]),
    ];
    StagedUNetConfig::default().with_stages(stages).with_decoder_convs(vec![1, 2])
}

/// The same with residual blocks.
pub fn residual() -> StagedUNetConfig {
    plain().with_encoder(EncoderKind::Residual).with_stem_channels(Some(3))
}

/// The same with bottlenecks.
pub fn bottleneck() -> StagedUNetConfig {
    let mut config = plain().with_encoder(EncoderKind::Bottleneck);
    config.stages.iter_mut().for_each(|stage| stage.bottleneck_channels = Some(stage.features / 2));
    config
}

/// A network in 2D.
pub fn flat() -> StagedUNetConfig {
    let stage = |features, stride| StageConfig::new(features, stride).with_kernel([1, 3, 3]);
    let stages = vec![stage(2, [1; 3]), stage(4, [1, 2, 2])];
    plain().with_dimensions(2).with_stages(stages).with_decoder_convs(vec![2])
}

/// One of each kind.
pub fn kinds() -> Vec<StagedUNetConfig> {
    let silu = plain().with_activation(Activation::Silu).with_conv_bias(false);
    vec![
        plain(),
        plain().with_activation_first(true),
        silu.with_norm(Norm::Group { groups: 2 }),
        residual().with_norm(Norm::Instance { affine: false }),
        residual().with_norm(Norm::Batch { momentum: 0.1 }),
        bottleneck(),
        flat(),
    ]
}

/// Noise of a shape.
pub fn image(shape: [usize; 5], seed: u64, device: &Device) -> Tensor<5> {
    let values: Vec<f32> = noise(shape.iter().product(), seed).iter().map(|value| *value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
