//! Cost of a network, before it is run.

use std::fmt;

use crate::layout::{ConvLayout, Layout, StageLayout};
use crate::{BlockKind, UNetConfig, UNetError};

/// With it the voxels of an image can be counted in 64 bits; other sums stop at their largest number.
const LONGEST_AXIS: usize = 1 << 20;

/// Parameters, arithmetic and memory of a network for one image; `Display` makes a table of the stages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkCost {
    /// Number of weights and biases.
    pub parameters: u64,
    /// Multiplications and additions of the convolutions in one forward pass.
    pub flops: u64,
    /// Bytes that a training step in f32 saves of the forward pass for its backward pass, without gradient checkpointing.
    ///
    /// These are the outputs of convolutions and blocks, pooled maps with a byte for each of their values, and the logits.
    /// The number holds with instance norm, ReLU or leaky ReLU, and channel dropout; others save more. Loss, gradients and
    /// optimiser come on top. In bf16 on a GPU it is half.
    pub activation_bytes: u64,
    /// The same with gradient checkpointing, which computes the outputs of norms and activations again instead.
    pub checkpointed_bytes: u64,
    /// Bytes that a GPU saves besides, without gradient checkpointing: the concatenated inputs of the decoder's residual blocks,
    /// which two convolutions share, less what they are made of.
    pub concatenated_bytes: u64,
    /// All of it, stage by stage in the order of the forward pass.
    pub stages: Vec<StageCost>,
}

/// A stage's part in a network's cost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageCost {
    /// `conv0_0`, ..., `final`, and `head1_3`, ... of deep supervision; of a [`StagedUNet`](crate::StagedUNet) nnU-Net's
    /// names.
    pub name: String,
    /// Channels, depth, height and width of its output.
    pub output: [usize; 4],
    /// Number of weights and biases.
    pub parameters: u64,
    /// Multiplications and additions of its convolutions.
    pub flops: u64,
    /// Bytes saved for the backward pass.
    pub activation_bytes: u64,
    /// Bytes saved with gradient checkpointing.
    pub checkpointed_bytes: u64,
    /// Bytes that a GPU saves besides, without gradient checkpointing.
    pub concatenated_bytes: u64,
}

/// The cost of one image of `[depth, height, width]` voxels, counted as padded.
///
/// # Errors
/// As [`UNetConfig::validate`], and an axis of more than 2^20 voxels.
///
/// ```
/// use medseg_unet::{UNetConfig, describe};
/// let cost = describe(&UNetConfig::default(), [128; 3])?;
/// assert_eq!(cost.parameters, 5_991_376);
/// assert_eq!(cost.stages[4].output, [256, 8, 8, 8]);
/// println!("{cost}"); // a line for every stage and one for the sum
/// # Ok::<(), medseg_unet::UNetError>(())
/// ```
pub fn describe(config: &UNetConfig, input: [usize; 3]) -> Result<NetworkCost, UNetError> {
    config.validate()?;
    check_size(input)?;
    let multiple = config.size_multiple();
    let padded = input.map(|s| s.next_multiple_of(multiple));
    let grid = &Grid((0..config.levels()).map(|level| padded.map(|s| s >> level)).collect());
    let layout = Layout::new(config);
    let encoder = layout.encoder.iter().map(|stage| of_stage(stage, entering(stage), grid));
    // The input of a decoder's stage is the result of two others.
    let supervised = |level: usize| layout.heads.iter().any(|head| head.level == level);
    let decoder = layout.decoder.iter().map(|stage| StageCost {
        concatenated_bytes: concatenated(stage, supervised(stage.level + 1), grid),
        ..of_stage(stage, 0, grid)
    });
    let blocks = encoder.chain(decoder);
    let logits = [&layout.last].into_iter().chain(&layout.heads).map(|conv| of_logits(conv, grid));
    let stages: Vec<StageCost> = blocks.chain(logits).collect();
    Ok(NetworkCost::of(stages))
}

/// Refuses an image that is too large to be counted.
pub(crate) fn check_size(input: [usize; 3]) -> Result<(), UNetError> {
    match input.iter().find(|s| **s > LONGEST_AXIS) {
        Some(size) => Err(UNetError::Config(format!("an image of {size} voxels along an axis is impossible"))),
        None => Ok(()),
    }
}

impl NetworkCost {
    /// The sums over the stages.
    pub(crate) fn of(stages: Vec<StageCost>) -> Self {
        Self {
            parameters: sum(stages.iter().map(|s| s.parameters)),
            flops: sum(stages.iter().map(|s| s.flops)),
            activation_bytes: sum(stages.iter().map(|s| s.activation_bytes)),
            checkpointed_bytes: sum(stages.iter().map(|s| s.checkpointed_bytes)),
            concatenated_bytes: sum(stages.iter().map(|s| s.concatenated_bytes)),
            stages,
        }
    }
}

pub(crate) fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

/// Shapes of the levels.
pub(crate) struct Grid(pub Vec<[usize; 3]>);

impl Grid {
    pub fn voxels(&self, level: usize) -> u64 {
        self.0[level].iter().map(|s| *s as u64).product()
    }

    pub fn output(&self, channels: usize, level: usize) -> [usize; 4] {
        let [d, h, w] = self.0[level];
        [channels, d, h, w]
    }
}

/// Bytes a voxel of the input of an encoder's stage: the image, or maxima and their places.
fn entering(stage: &StageLayout) -> u64 {
    let bytes = if stage.level == 0 { 4 } else { 4 + 1 };
    bytes * stage.in_channels as u64
}

/// Bytes of the concatenated input of a decoder's stage if it is residual, less those of its two parts, which are then not
/// saved; unless a head reads what is below.
fn concatenated(stage: &StageLayout, supervised: bool, grid: &Grid) -> u64 {
    // A transposed convolution makes its part as large as it is concatenated.
    if stage.kind == BlockKind::TwoLayer || stage.up.is_some() {
        return 0;
    }
    let skip = stage.convs.last().map_or(0, |c| c.out_channels);
    let upsampled = stage.in_channels.saturating_sub(skip) as u64;
    let small = if supervised { 0 } else { grid.voxels(stage.level + 1) };
    (4 * upsampled).saturating_mul(grid.voxels(stage.level).saturating_sub(small))
}

/// `entering`: bytes saved for each voxel of the stage's input.
fn of_stage(stage: &StageLayout, entering: u64, grid: &Grid) -> StageCost {
    let convs = || stage.up.iter().chain(&stage.convs);
    let output = stage.convs.last().map_or(0, |c| c.out_channels);
    // The outputs of the convolutions and of the block; of four also the first two's output and the sum before the last
    // activation.
    let results = if stage.kind == BlockKind::ResFourLayer { 3 } else { 1 };
    let results = results * output as u64;
    let conv_outputs = sum(convs().map(|c| c.out_channels as u64));
    let bytes = |channels: u64| (entering + 4 * channels).saturating_mul(grid.voxels(stage.level));
    StageCost {
        name: stage.name.clone(),
        output: grid.output(output, stage.level),
        parameters: sum(convs().map(ConvLayout::parameters)),
        flops: sum(convs().map(|c| flops(c, grid))),
        activation_bytes: bytes(conv_outputs + results),
        checkpointed_bytes: bytes(conv_outputs),
        concatenated_bytes: 0,
    }
}

pub(crate) fn of_logits(conv: &ConvLayout, grid: &Grid) -> StageCost {
    let bytes = (4 * conv.out_channels as u64).saturating_mul(grid.voxels(conv.level));
    StageCost {
        name: conv.name.clone(),
        output: grid.output(conv.out_channels, conv.level),
        parameters: conv.parameters(),
        flops: flops(conv, grid),
        activation_bytes: bytes,
        checkpointed_bytes: bytes,
        concatenated_bytes: 0,
    }
}

pub(crate) fn flops(conv: &ConvLayout, grid: &Grid) -> u64 {
    // Every output voxel of the transposed convolution sees one tap of the kernel for each input channel.
    let taps = if conv.transposed { 1 } else { conv.kernel.iter().product::<usize>() as u64 };
    (2 * taps * (conv.in_channels * conv.out_channels) as u64).saturating_mul(grid.voxels(conv.level))
}

impl fmt::Display for NetworkCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [output, parameters, giga, mib] = ["output", "parameters", "GFLOP", "saved MiB"];
        let width = self.stages.iter().map(|s| s.name.len()).max().unwrap_or(0).max(10);
        writeln!(f, "{:<width$}{output:>24}{parameters:>14}{giga:>12}{mib:>14}", "stage")?;
        let mut line = |name: &str, output: &str, parameters: u64, flops: u64, bytes: u64| {
            let (giga, mib) = (flops as f64 / 1e9, bytes as f64 / f64::from(1 << 20));
            writeln!(f, "{name:<width$}{output:>24}{parameters:>14}{giga:>12.3}{mib:>14.1}")
        };
        for s in &self.stages {
            let output = s.output.map(|n| n.to_string()).join(" x ");
            line(&s.name, &output, s.parameters, s.flops, s.activation_bytes)?;
        }
        line("sum", "", self.parameters, self.flops, self.activation_bytes)
    }
}
