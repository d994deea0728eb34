//! V-Net.

use serde::{Deserialize, Serialize};

use super::NormActivation;
use crate::{Architecture, ArchitectureError, Block, Branch, Join, Layer, Stage, Step};

/// V-Net (Milletari et al. 2016): strided convolutions down, transposed ones up, and a residual sum around each stage.
///
/// The encoder's stages are `down0`, `down1`, ..., the decoder's `up0` (deepest) and on. A stage's convolutions all have its
/// channels; its input is added to the last one before the activation. As in the paper, norm is optional there and here: the
/// default is a batch norm and a PReLU.
///
/// ```
/// use medseg_architecture::networks::VNetConfig;
///
/// let config = VNetConfig { channels: vec![4, 8, 16], convs: vec![1, 2, 2], ..VNetConfig::default() };
/// let graph = config.architecture()?.graph()?;
/// assert_eq!(graph.parameters()[0].shape, [4, 1, 5, 5, 5]);
/// # Ok::<(), medseg_architecture::ArchitectureError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VNetConfig {
    /// Channels of the image. The sum of the first stage takes one channel, or as many as the stage has; other numbers are
    /// projected.
    pub in_channels: usize,
    /// Channels of the logits.
    pub out_channels: usize,
    /// Channels of each level, from the full resolution down, 2 to 8 of them.
    pub channels: Vec<usize>,
    /// Convolutions of each level, as many as channels.
    pub convs: Vec<usize>,
    /// Kernel of the stages' convolutions, odd.
    pub kernel: usize,
    /// Norm and activation behind each convolution.
    pub then: NormActivation,
}

impl Default for VNetConfig {
    fn default() -> Self {
        Self {
            in_channels: 1,
            out_channels: 1,
            channels: vec![16, 32, 64, 128, 256],
            convs: vec![1, 2, 3, 3, 3],
            kernel: 5,
            then: NormActivation { norm: Layer::batch_norm(), activation: Layer::Prelu { per_channel: true } },
        }
    }
}

impl VNetConfig {
    /// The network as data.
    ///
    /// # Errors
    /// Numbers without meaning.
    pub fn architecture(&self) -> Result<Architecture, ArchitectureError> {
        let fail = |reason: String| Err(ArchitectureError::Network(reason));
        let levels = self.channels.len();
        if !(2..=8).contains(&levels) || self.convs.len() != levels {
            return fail(format!("V-Net has 2 to 8 levels, each with convolutions, not {levels}, {:?}", self.convs));
        }
        if self.convs.iter().any(|convs| !(1..=64).contains(convs)) || self.kernel.is_multiple_of(2) {
            return fail(format!("{:?} convolutions of a kernel of {} voxels", self.convs, self.kernel));
        }
        let mut stages = Vec::new();
        for (level, &channels) in self.channels.iter().enumerate() {
            let name = format!("down{level}");
            let stage = match level {
                0 => Stage::new(name, "image", self.block(level, self.projection(channels))),
                _ => {
                    let down = Layer::Conv {
                        channels: Some(channels),
                        kernel: [2; 3],
                        stride: [2; 3],
                        padding: None,
                        bias: false,
                    };
                    let input = Branch::through(format!("down{}", level - 1), self.then.behind("down", down));
                    Stage::of(name, [input], Join::Concat, self.block(level, Vec::new()))
                }
            };
            stages.push(stage.with_channels(channels));
        }
        let mut below = format!("down{}", levels - 1);
        for (step, level) in (0..levels - 1).rev().enumerate() {
            let (name, channels) = (format!("up{step}"), self.channels[level]);
            let up = Layer::TransposedConv {
                channels: Some(channels),
                kernel: [2; 3],
                stride: [2; 3],
                padding: [0; 3],
                output_padding: [0; 3],
                bias: false,
            };
            let up = Branch::through(below, self.then.behind("up", up));
            let inputs = [up, Branch::new(format!("down{level}"))];
            // Both inputs have the stage's channels, so the sum around it needs a projection.
            let shortcut = vec![Step::named("projection", Layer::conv([1; 3]))];
            stages.push(
                Stage::of(name.clone(), inputs, Join::Concat, self.block(level, shortcut)).with_channels(channels),
            );
            below = name;
        }
        stages.push(Stage::new("head", below, Block::new([Layer::head(self.out_channels)])));
        let outputs = vec!["head".to_owned()];
        let architecture = Architecture { in_channels: self.in_channels, blocks: Default::default(), stages, outputs };
        architecture.graph()?;
        Ok(architecture)
    }

    /// Convolutions, and the sum before the last activation.
    fn block(&self, level: usize, shortcut: Vec<Step>) -> Block {
        let mut steps = Vec::new();
        for number in 1..=self.convs[level] {
            steps.extend(self.then.behind(&format!("conv{number}"), Layer::conv([self.kernel; 3])));
        }
        let last = steps.pop();
        Block { steps, shortcut: Some(shortcut), then: last.into_iter().collect() }
    }

    /// Layers that make the image's channels those of the first stage, if a sum cannot take them as they are.
    fn projection(&self, channels: usize) -> Vec<Step> {
        match self.in_channels == 1 || self.in_channels == channels {
            true => Vec::new(),
            false => vec![Step::named("projection", Layer::conv([1; 3]))],
        }
    }
}
