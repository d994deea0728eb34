//! UNet++.

use serde::{Deserialize, Serialize};

use super::NormActivation;
use crate::{Architecture, ArchitectureError, Block, Branch, Join, Layer, Stage};

/// UNet++ (Zhou et al. 2018): a U-Net whose skip connections are rows of nested blocks.
///
/// The stage `x{i}_{j}` lies on level i. It reads all stages `x{i}_0` to `x{i}_{j-1}` and, upsampled, `x{i+1}_{j-1}`. Every
/// block is two 3×3×3 convolutions, each with norm and activation.
///
/// ```
/// use medseg_architecture::networks::UNetPlusPlusConfig;
///
/// let config = UNetPlusPlusConfig { channels: vec![8, 16, 32], ..UNetPlusPlusConfig::default() };
/// let graph = config.architecture()?.graph()?;
/// assert_eq!(graph.size_multiple(), [4, 4, 4]);
/// # Ok::<(), medseg_architecture::ArchitectureError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNetPlusPlusConfig {
    /// Channels of the image.
    pub in_channels: usize,
    /// Channels of the logits.
    pub out_channels: usize,
    /// Channels of each level, from the full resolution down, 2 to 8 of them.
    pub channels: Vec<usize>,
    /// Norm and activation behind each convolution.
    pub then: NormActivation,
    /// Share of channels that each block drops in training, in [0, 1).
    pub dropout: f64,
    /// Gives logits to every stage `x0_j` for deep supervision, all on the image's grid.
    pub deep_supervision: bool,
}

impl Default for UNetPlusPlusConfig {
    fn default() -> Self {
        Self {
            in_channels: 1,
            out_channels: 1,
            channels: vec![16, 32, 64, 128, 256],
            then: NormActivation::default(),
            dropout: 0.0,
            deep_supervision: false,
        }
    }
}

impl UNetPlusPlusConfig {
    /// The network as data.
    ///
    /// # Errors
    /// Numbers without meaning.
    pub fn architecture(&self) -> Result<Architecture, ArchitectureError> {
        let levels = self.channels.len();
        if !(2..=8).contains(&levels) {
            return Err(ArchitectureError::Network(format!("UNet++ has 2 to 8 levels, not {levels}")));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ArchitectureError::Network(format!("the dropout must lie in [0, 1), not {}", self.dropout)));
        }
        let name = |level: usize, column: usize| format!("x{level}_{column}");
        let mut stages = Vec::new();
        for column in 0..levels {
            for level in 0..levels - column {
                let mut inputs: Vec<Branch> = (0..column).map(|before| Branch::new(name(level, before))).collect();
                match (level, column) {
                    (0, 0) => inputs.push(Branch::new("image")),
                    (_, 0) => {
                        let pool = Layer::MaxPool { kernel: 2, stride: 2, padding: 0 };
                        inputs.push(Branch::through(name(level - 1, 0), [pool]));
                    }
                    _ => {
                        let upsample = Layer::Upsample { align_corners: true };
                        inputs.push(Branch::through(name(level + 1, column - 1), [upsample]));
                    }
                }
                let stage = Stage::of(name(level, column), inputs, Join::Concat, self.block());
                stages.push(stage.with_channels(self.channels[level]));
            }
        }
        // The deepest column first: its logits are the prediction.
        let heads = (1..levels).rev().take(if self.deep_supervision { levels - 1 } else { 1 });
        let heads: Vec<Stage> = heads
            .map(|column| {
                Stage::new(format!("head{column}"), name(0, column), Block::new([Layer::head(self.out_channels)]))
            })
            .collect();
        let outputs = heads.iter().map(|head| head.name.clone()).collect();
        stages.extend(heads);
        let architecture = Architecture { in_channels: self.in_channels, blocks: Default::default(), stages, outputs };
        architecture.graph()?;
        Ok(architecture)
    }

    fn block(&self) -> Block {
        let conv = |name: &str| self.then.behind(name, Layer::conv([3; 3]));
        let mut steps: Vec<_> = conv("conv1").into_iter().collect();
        if self.dropout > 0.0 {
            steps.push(Layer::Dropout { p: self.dropout, whole_channels: true }.into());
        }
        steps.extend(conv("conv2"));
        Block { steps, ..Block::default() }
    }
}
