//! The network of a fold.

use burn::tensor::{Device, TensorData};
use medseg_unet::{Activation, EncoderKind, Norm as NetworkNorm, StageConfig, StagedUNet, StagedUNetConfig};

use crate::plans::{Architecture, Encoder, Nonlinearity, NormKind, PlansProblem, ResidualBlock};
use crate::{Checkpoint, NetworkKeys, NnUnetError};

/// Share of a batch's statistics in PyTorch's running ones; of no effect in prediction.
const MOMENTUM: f64 = 0.1;

/// The settings of the network that the plans describe.
///
/// # Errors
/// A batch norm without weights, which nnU-Net never plans.
pub(crate) fn network_config(
    architecture: &Architecture,
    in_channels: usize,
    out_channels: usize,
) -> Result<StagedUNetConfig, PlansProblem> {
    let (kind, blocks, bottleneck, stem, activation_first) = match &architecture.encoder {
        Encoder::Plain { convs, nonlinearity_first } => (EncoderKind::Plain, convs, None, None, *nonlinearity_first),
        Encoder::Residual { blocks, block: ResidualBlock::Basic, stem_channels } => {
            (EncoderKind::Residual, blocks, None, Some(*stem_channels), false)
        }
        Encoder::Residual { blocks, block: ResidualBlock::Bottleneck { channels }, stem_channels } => {
            (EncoderKind::Bottleneck, blocks, Some(channels), Some(*stem_channels), false)
        }
    };
    let stage = |number: usize| {
        StageConfig::new(architecture.features[number], along_axes(&architecture.strides[number]))
            .with_kernel(along_axes(&architecture.kernels[number]))
            .with_blocks(blocks[number])
            .with_bottleneck_channels(bottleneck.map(|channels| channels[number]))
    };
    let norm = match architecture.norm.kind {
        NormKind::Instance => NetworkNorm::Instance { affine: architecture.norm.affine },
        NormKind::Batch if architecture.norm.affine => NetworkNorm::Batch { momentum: MOMENTUM },
        NormKind::Batch => return Err(PlansProblem::BatchNormWithoutWeights),
    };
    Ok(StagedUNetConfig::default()
        .with_in_channels(in_channels)
        .with_out_channels(out_channels)
        .with_dimensions(architecture.dimensions)
        .with_encoder(kind)
        .with_stages((0..architecture.stages()).map(stage).collect())
        .with_stem_channels(stem)
        .with_decoder_convs(architecture.decoder_convs.clone())
        .with_norm(norm)
        .with_eps(architecture.norm.eps)
        .with_activation(match architecture.nonlinearity {
            Nonlinearity::LeakyRelu { slope } => Activation::LeakyRelu { slope },
            Nonlinearity::Relu => Activation::Relu,
        })
        .with_activation_first(activation_first)
        .with_conv_bias(architecture.conv_bias))
}

/// Three numbers in the order of a window's axes; a 2D network has depth 1.
pub(crate) fn along_axes(sizes: &[usize]) -> [usize; 3] {
    match *sizes {
        [d, h, w] => [d, h, w],
        [h, w] => [1, h, w],
        _ => [1; 3],
    }
}

/// Makes the network of a checkpoint whose parameters were checked.
///
/// # Errors
/// A tensor that cannot be read, or a weight that is no finite number.
pub(crate) fn network(
    config: &StagedUNetConfig,
    keys: &NetworkKeys,
    checkpoint: &Checkpoint,
    device: &Device,
) -> Result<StagedUNet, NnUnetError> {
    let parameter = |key: &str, shape: &[usize]| {
        let values = checkpoint.weight(key, shape)?.values()?;
        Ok((key.to_string(), TensorData::new(values, shape.to_vec())))
    };
    let parameters = keys.parameters().into_iter().map(|of| parameter(&of.key, &of.shape));
    let parameters: Vec<_> = parameters.collect::<Result<_, NnUnetError>>()?;
    Ok(StagedUNet::from_parameters(config, parameters, device)?)
}
