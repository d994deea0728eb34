//! Cost of a network, before it is run.

use super::StagedUNetConfig;
use super::layout::{BlockLayout, DecoderLayout, StagedLayout};
use super::norm_activation::NormActivation;
use crate::describe::{Grid, check_size, flops, of_logits, sum};
use crate::layout::ConvLayout;
use crate::{NetworkCost, StageCost, UNetError};

/// The cost of one image of `[depth, height, width]` voxels, with the logits of every decoder stage.
///
/// Sizes are counted as padded to multiples of [`StagedUNetConfig::size_multiple`]. Stages have the names of nnU-Net's
/// modules.
///
/// # Errors
/// As [`StagedUNetConfig::validate`], an axis of more than 2^20 voxels, and a depth other than 1 in 2D.
///
/// ```
/// use medseg_unet::{StagedUNetConfig, describe_staged};
///
/// let cost = describe_staged(&StagedUNetConfig::default(), [128; 3])?;
/// assert_eq!(cost.stages[5].name, "encoder.stages.5");
/// assert_eq!(cost.stages[5].output, [320, 4, 4, 4]);
/// println!("{cost}"); // a line for every stage and one for the sum
/// # Ok::<(), medseg_unet::UNetError>(())
/// ```
pub fn describe_staged(config: &StagedUNetConfig, input: [usize; 3]) -> Result<NetworkCost, UNetError> {
    config.validate()?;
    check_size(input)?;
    config.check_depth(input[0])?;
    let multiple = config.size_multiple();
    let mut shape = [0, 1, 2].map(|axis| input[axis].next_multiple_of(multiple[axis]));
    let mut shapes = vec![shape];
    for stage in &config.stages {
        shape = [0, 1, 2].map(|axis| shape[axis] / stage.stride[axis]);
        shapes.push(shape);
    }
    let counter = Counter { grid: Grid(shapes), then: NormActivation::new(config) };
    let layout = StagedLayout::new(config);
    let image = counter.bytes(config.in_channels, 0);
    let mut stages = Vec::new();
    if let Some(stem) = &layout.stem {
        stages.push(counter.stage(
            "encoder.stem".into(),
            [stem].into_iter(),
            counter.blocks(std::slice::from_ref(stem)),
        ));
    }
    for (s, blocks) in layout.encoder.iter().enumerate() {
        let saved = blocks.iter().map(|block| counter.block(block)).fold(Saved::default(), Saved::plus);
        let convs = blocks.iter().flat_map(BlockLayout::convs);
        stages.push(counter.stage(format!("encoder.stages.{s}"), convs, saved));
    }
    if let Some(first) = stages.first_mut() {
        first.activation_bytes = first.activation_bytes.saturating_add(image);
        first.checkpointed_bytes = first.checkpointed_bytes.saturating_add(image);
    }
    for (d, stage) in layout.decoder.iter().enumerate() {
        let convs = [&stage.up].into_iter().chain(&stage.convs);
        stages.push(counter.stage(format!("decoder.stages.{d}"), convs, counter.decoder(stage)));
    }
    stages.extend(layout.decoder.iter().map(|stage| of_logits(&stage.head, &counter.grid)));
    Ok(NetworkCost::of(stages))
}

/// Bytes saved for the backward pass.
#[derive(Clone, Copy, Default)]
struct Saved {
    bytes: u64,
    /// With gradient checkpointing, which computes outputs of norms and activations again.
    checkpointed: u64,
}

impl Saved {
    /// The same with and without gradient checkpointing.
    fn both(bytes: u64) -> Self {
        Self { bytes, checkpointed: bytes }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            checkpointed: self.checkpointed.saturating_add(other.checkpointed),
        }
    }
}

struct Counter {
    grid: Grid,
    then: NormActivation,
}

impl Counter {
    /// A stage out of its convolutions and the bytes that it saves.
    fn stage<'a>(&self, name: String, convs: impl Iterator<Item = &'a ConvLayout>, saved: Saved) -> StageCost {
        let (mut parameters, mut arithmetic, mut output) = (0u64, 0u64, [0; 4]);
        for conv in convs {
            parameters = parameters.saturating_add(conv.parameters());
            arithmetic = arithmetic.saturating_add(flops(conv, &self.grid));
            output = self.grid.output(conv.out_channels, conv.level);
        }
        StageCost {
            name,
            output,
            parameters,
            flops: arithmetic,
            activation_bytes: saved.bytes,
            checkpointed_bytes: saved.checkpointed,
            concatenated_bytes: 0,
        }
    }

    fn bytes(&self, channels: usize, level: usize) -> u64 {
        (4 * channels as u64).saturating_mul(self.grid.voxels(level))
    }

    fn output(&self, conv: &ConvLayout) -> u64 {
        self.bytes(conv.out_channels, conv.level)
    }

    /// The outputs of the convolutions, and those of norm and activation but where the next convolution makes them again.
    fn blocks(&self, convs: &[ConvLayout]) -> Saved {
        let next = convs.iter().skip(1).map(Some).chain([None]);
        let normalised = convs.iter().zip(next).filter(|(_, next)| !next.is_some_and(|next| self.reads_through(next)));
        let outputs = sum(convs.iter().map(|conv| self.output(conv)));
        let normalised = sum(normalised.map(|(conv, _)| self.output(conv)));
        Saved { bytes: outputs.saturating_add(normalised), checkpointed: outputs }
    }

    /// True if the convolution makes norm and activation of its input as it reads.
    fn reads_through(&self, conv: &ConvLayout) -> bool {
        self.then.slope().is_some() && is_direct(conv)
    }

    fn block(&self, block: &BlockLayout) -> Saved {
        let saved = self.blocks(&block.convs);
        let (Some(shortcut), Some(last)) = (&block.shortcut, block.convs.last()) else { return saved };
        let pooled = shortcut.pool != [1; 3];
        let of_shortcut = match &shortcut.projection {
            Some(projection) if pooled => {
                let average = self.bytes(projection.in_channels, projection.level);
                Saved::both(self.output(projection).saturating_add(average))
            }
            Some(projection) => Saved::both(self.output(projection)),
            // Of a leaky ReLU a byte that says on which half a value lies; computing it again takes the sum too.
            None if self.then.is_leaky() => {
                let (sum, mask) = (self.output(last), self.output(last) / 4);
                Saved { bytes: mask, checkpointed: sum.saturating_add(mask) }
            }
            None => Saved { bytes: self.output(last), checkpointed: 0 },
        };
        saved.plus(of_shortcut)
    }

    /// Two inputs read in place, or the concatenated one; a bias is added again with gradient checkpointing.
    fn decoder(&self, stage: &DecoderLayout) -> Saved {
        let up = self.output(&stage.up);
        let inputs = if stage.convs.first().is_some_and(is_direct) {
            Saved::both(up)
        } else {
            let again = if stage.up.bias { up } else { 0 };
            Saved { bytes: up.saturating_mul(2), checkpointed: up.saturating_mul(2).saturating_add(again) }
        };
        self.blocks(&stage.convs).plus(inputs)
    }
}

/// True for the kernels and strides of which `medseg-ops` has operations that read their input through a norm.
fn is_direct(conv: &ConvLayout) -> bool {
    matches!(conv.kernel, [1, 1, 1] | [3, 3, 3]) && conv.stride == [1; 3]
}
