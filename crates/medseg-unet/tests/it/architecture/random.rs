//! Random settings of networks.

use medseg_unet::{
    Activation, BlockKind, ConcatOrder, EncoderKind, Norm, StageConfig, StagedUNetConfig, UNetConfig, Upsample,
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A network of two to four levels.
pub fn unet(seed: u64) -> UNetConfig {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let blocks = [BlockKind::TwoLayer, BlockKind::ResTwoLayer, BlockKind::ResFourLayer];
    let levels = rng.random_range(2..=4);
    UNetConfig {
        in_channels: rng.random_range(1..=3),
        out_channels: rng.random_range(1..=3),
        channels: (0..levels).map(|_| 2 * rng.random_range(1..=3)).collect(),
        encoder: one_of(rng, &blocks),
        decoder: one_of(rng, &blocks),
        pool_kernel: rng.random_range(2..=3),
        upsample: one_of(rng, &[Upsample::Trilinear, Upsample::Transposed]),
        norm: norm(rng),
        activation: activation(rng),
        dropout: one_of(rng, &[0.0, 0.5]),
        channel_dropout: rng.random_bool(0.5),
        conv_bias: rng.random_bool(0.5),
        final_bias: rng.random_bool(0.5),
        deep_supervision: rng.random_range(0..=levels - 2),
    }
}

/// A network of two to four stages, the first without a stride.
pub fn staged(seed: u64) -> StagedUNetConfig {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let dimensions = one_of(rng, &[2, 3, 3]);
    let encoder = one_of(rng, &[EncoderKind::Plain, EncoderKind::Residual, EncoderKind::Bottleneck]);
    let mut stages = Vec::new();
    for stage in 0..rng.random_range(2..=4) {
        // In 2D the depth has neither a kernel nor a stride.
        let mut triple = |all: &[usize]| [0, 1, 2].map(|axis| if axis < 3 - dimensions { 1 } else { one_of(rng, all) });
        let (kernel, stride) = (triple(&[1, 3, 5]), triple(if stage == 0 { &[1] } else { &[1, 2, 3] }));
        let features = 2 * rng.random_range(1..=3);
        let mut config = StageConfig::new(features, stride).with_kernel(kernel).with_blocks(rng.random_range(1..=3));
        if encoder == EncoderKind::Bottleneck {
            config = config.with_bottleneck_channels(Some(2 * rng.random_range(1..=2)));
        }
        stages.push(config);
    }
    StagedUNetConfig {
        in_channels: rng.random_range(1..=3),
        out_channels: rng.random_range(1..=3),
        dimensions,
        encoder,
        decoder_convs: (1..stages.len()).map(|_| rng.random_range(1..=2)).collect(),
        stages,
        stem_channels: (encoder != EncoderKind::Plain && rng.random_bool(0.5)).then_some(4),
        concat: one_of(rng, &[ConcatOrder::UpsampledFirst, ConcatOrder::SkipFirst]),
        norm: norm(rng),
        eps: one_of(rng, &[1e-5, 1e-3]),
        activation: activation(rng),
        activation_first: encoder == EncoderKind::Plain && rng.random_bool(0.5),
        conv_bias: rng.random_bool(0.5),
    }
}

fn norm(rng: &mut impl Rng) -> Norm {
    let norms = [
        Norm::Instance { affine: false },
        Norm::Instance { affine: true },
        Norm::Group { groups: 2 },
        Norm::Batch { momentum: 0.1 },
    ];
    one_of(rng, &norms)
}

fn activation(rng: &mut impl Rng) -> Activation {
    one_of(rng, &[Activation::Relu, Activation::LeakyRelu { slope: 0.2 }, Activation::Gelu, Activation::Silu])
}

fn one_of<T: Copy>(rng: &mut impl Rng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())]
}
