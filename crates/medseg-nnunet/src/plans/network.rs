//! The `architecture` of a configuration.

use std::ops::RangeInclusive;

use super::architecture::{Architecture, Encoder, Nonlinearity, Norm, NormKind, ResidualBlock};
use super::fields::Fields;
use super::problem::PlansProblem;

/// Stages of a network; each halves the patch, so more would need patches that no memory holds.
pub(super) const STAGES: RangeInclusive<usize> = 2..=16;
/// Channels of a stage.
pub(super) const FEATURES: RangeInclusive<usize> = 1..=8192;
const KERNEL: RangeInclusive<usize> = 1..=15;
const STRIDE: RangeInclusive<usize> = 1..=8;
const CONVS: RangeInclusive<usize> = 1..=64;

/// Settings of the two networks. Another one would change the network in an unknown way.
const KNOWN: [&str; 20] = [
    "n_stages",
    "features_per_stage",
    "conv_op",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage",
    "n_blocks_per_stage",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "norm_op",
    "norm_op_kwargs",
    "dropout_op",
    "dropout_op_kwargs",
    "nonlin",
    "nonlin_kwargs",
    "deep_supervision",
    "nonlin_first",
    "block",
    "bottleneck_channels",
    "stem_channels",
];

/// Reads `architecture`. Dropout and deep supervision change no prediction, so they are ignored.
pub(super) fn network(architecture: &Fields<'_>) -> Result<Architecture, PlansProblem> {
    let class = architecture.class("network_class_name")?;
    if class != "PlainConvUNet" && class != "ResidualEncoderUNet" {
        return Err(PlansProblem::Network { class: class.chars().take(120).collect() });
    }
    let kwargs = architecture.object("arch_kwargs")?;
    if let Some(unknown) = kwargs.keys().find(|key| !KNOWN.contains(key) && kwargs.optional(key).is_some()) {
        return Err(kwargs.unsupported(unknown, "set", "the settings of PlainConvUNet and ResidualEncoderUNet"));
    }
    let dimensions = match kwargs.class("conv_op")? {
        "Conv2d" => 2,
        "Conv3d" => 3,
        other => return Err(kwargs.unsupported("conv_op", other, "Conv2d and Conv3d")),
    };
    let stages = kwargs.whole("n_stages", &STAGES)?;
    let features = kwargs.stages("features_per_stage", stages, &FEATURES)?;
    let kernels = kwargs.stages_and_axes("kernel_sizes", stages, dimensions, &KERNEL)?;
    if kernels.iter().flatten().any(|kernel| kernel % 2 == 0) {
        return Err(kwargs.expected("kernel_sizes", "odd, so that a convolution keeps the shape"));
    }
    let strides = kwargs.stages_and_axes("strides", stages, dimensions, &STRIDE)?;
    if strides.iter().take(1).flatten().any(|stride| *stride != 1) {
        return Err(kwargs.expected("strides", "1 in the first stage, so that the output has the input's shape"));
    }
    let encoder = if class == "PlainConvUNet" {
        Encoder::Plain {
            convs: kwargs.stages("n_conv_per_stage", stages, &CONVS)?,
            nonlinearity_first: kwargs.flag("nonlin_first", false)?,
        }
    } else {
        let first = features.first().copied().unwrap_or(1);
        Encoder::Residual {
            blocks: kwargs.stages("n_blocks_per_stage", stages, &CONVS)?,
            block: block(&kwargs, stages)?,
            stem_channels: match kwargs.optional("stem_channels") {
                None => first,
                Some(_) => kwargs.whole("stem_channels", &FEATURES)?,
            },
        }
    };
    Ok(Architecture {
        dimensions,
        encoder,
        decoder_convs: kwargs.stages("n_conv_per_stage_decoder", stages - 1, &CONVS)?,
        conv_bias: kwargs.flag("conv_bias", false)?,
        norm: norm(&kwargs, dimensions)?,
        nonlinearity: nonlinearity(&kwargs)?,
        features,
        kernels,
        strides,
    })
}

fn block(kwargs: &Fields<'_>, stages: usize) -> Result<ResidualBlock, PlansProblem> {
    if kwargs.optional("block").is_none() {
        return Ok(ResidualBlock::Basic);
    }
    match kwargs.class("block")? {
        "BasicBlockD" => Ok(ResidualBlock::Basic),
        "BottleneckD" => {
            Ok(ResidualBlock::Bottleneck { channels: kwargs.stages("bottleneck_channels", stages, &FEATURES)? })
        }
        other => Err(kwargs.unsupported("block", other, "BasicBlockD and BottleneckD")),
    }
}

fn norm(kwargs: &Fields<'_>, dimensions: usize) -> Result<Norm, PlansProblem> {
    let class = kwargs.class("norm_op")?;
    let kind = match (class, dimensions) {
        ("InstanceNorm2d", 2) | ("InstanceNorm3d", 3) => NormKind::Instance,
        ("BatchNorm2d", 2) | ("BatchNorm3d", 3) => NormKind::Batch,
        _ => return Err(kwargs.unsupported("norm_op", class, "InstanceNorm and BatchNorm of the network's dimension")),
    };
    let settings = kwargs.optional_object("norm_op_kwargs")?;
    let Some(settings) = settings else {
        // PyTorch's own defaults.
        return Ok(Norm { kind, eps: 1e-5, affine: kind == NormKind::Batch });
    };
    if settings.flag("track_running_stats", kind == NormKind::Batch)? != (kind == NormKind::Batch) {
        return Err(settings.expected("track_running_stats", "true for BatchNorm and false for InstanceNorm"));
    }
    let eps = if settings.optional("eps").is_some() { settings.number("eps")? } else { 1e-5 };
    if !(eps > 0.0 && eps < 1.0) {
        return Err(settings.expected("eps", "a number between 0 and 1"));
    }
    Ok(Norm { kind, eps, affine: settings.flag("affine", kind == NormKind::Batch)? })
}

fn nonlinearity(kwargs: &Fields<'_>) -> Result<Nonlinearity, PlansProblem> {
    match kwargs.class("nonlin")? {
        "ReLU" => Ok(Nonlinearity::Relu),
        "LeakyReLU" => {
            let settings = kwargs.optional_object("nonlin_kwargs")?;
            let slope = match settings.filter(|settings| settings.optional("negative_slope").is_some()) {
                Some(settings) => settings.number("negative_slope")?,
                None => 0.01,
            };
            Ok(Nonlinearity::LeakyRelu { slope })
        }
        other => Err(kwargs.unsupported("nonlin", other, "LeakyReLU and ReLU")),
    }
}
