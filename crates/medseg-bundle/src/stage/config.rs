//! Settings of a stage's network.

use burn::tensor::Device;
use medseg_architecture::{Architecture, ArchitectureError, Layer, Operation};
use medseg_network::Network;
use medseg_unet::{Norm, StageCost, UNetConfig, UNetError, describe};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::StageNetwork;
use crate::error::BundleError;

/// The network of a stage: a [`UNetConfig`], or an [`Architecture`] of any kind.
///
/// In a file it is the one or the other; an architecture is known by its `stages`.
///
/// ```
/// use medseg_architecture::networks::VNetConfig;
/// use medseg_bundle::NetworkConfig;
/// use medseg_unet::UNetConfig;
///
/// let v_net = NetworkConfig::from(VNetConfig::default().architecture()?);
/// let text = serde_json::to_string(&v_net)?;
/// assert_eq!(serde_json::from_str::<NetworkConfig>(&text)?, v_net);
/// let unet: NetworkConfig = serde_json::from_str(&serde_json::to_string(&UNetConfig::default())?)?;
/// assert_eq!(unet.cost([128; 3])?.parameters, 5_991_376);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum NetworkConfig {
    /// A U-Net by its settings.
    UNet(UNetConfig),
    /// A network that is described stage by stage.
    Described(Architecture),
}

/// Settings of a network without meaning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkConfigError {
    /// Of a U-Net.
    #[error(transparent)]
    UNet(#[from] UNetError),
    /// Of a described network.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
}

/// Parameters, arithmetic and memory of a network for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageNetworkCost {
    /// Number of weights and biases.
    pub parameters: u64,
    /// Multiplications and additions of the convolutions in one forward pass.
    pub flops: u64,
    /// Upper bound of the bytes that a prediction holds at the same time.
    pub predicting: u64,
    /// Bytes that a training step in f32 saves for its backward pass; of a described network every tensor, an upper bound.
    pub saved: u64,
    /// The same with gradient checkpointing.
    pub checkpointed: u64,
    /// Bytes that a GPU saves besides, without gradient checkpointing.
    pub concatenated: u64,
}

impl From<UNetConfig> for NetworkConfig {
    fn from(config: UNetConfig) -> Self {
        Self::UNet(config)
    }
}

impl From<Architecture> for NetworkConfig {
    fn from(architecture: Architecture) -> Self {
        Self::Described(architecture)
    }
}

impl<'de> Deserialize<'de> for NetworkConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = if value.get("stages").is_some() {
            serde_json::from_value(value).map(Self::Described)
        } else {
            serde_json::from_value(value).map(Self::UNet)
        };
        read.map_err(de::Error::custom)
    }
}

impl NetworkConfig {
    /// The settings of a U-Net, if it is one.
    #[must_use]
    pub fn as_unet(&self) -> Option<&UNetConfig> {
        match self {
            Self::UNet(config) => Some(config),
            Self::Described(_) => None,
        }
    }

    /// The settings of a U-Net to be changed, if it is one.
    pub fn as_unet_mut(&mut self) -> Option<&mut UNetConfig> {
        match self {
            Self::UNet(config) => Some(config),
            Self::Described(_) => None,
        }
    }

    /// The network as an architecture.
    ///
    /// # Errors
    /// Settings without meaning.
    pub fn architecture(&self) -> Result<Architecture, NetworkConfigError> {
        match self {
            Self::UNet(config) => Ok(config.architecture()?),
            Self::Described(architecture) => Ok(architecture.clone()),
        }
    }

    /// Refuses settings without meaning.
    ///
    /// # Errors
    /// The first fault.
    pub fn validate(&self) -> Result<(), NetworkConfigError> {
        match self {
            Self::UNet(config) => Ok(config.validate()?),
            Self::Described(architecture) => Ok(architecture.graph().map(drop)?),
        }
    }

    /// Channels of the image.
    #[must_use]
    pub fn in_channels(&self) -> usize {
        match self {
            Self::UNet(config) => config.in_channels,
            Self::Described(architecture) => architecture.in_channels,
        }
    }

    /// Sets the channels of the image. A described network that cannot take so many is left as it is.
    pub fn set_in_channels(&mut self, channels: usize) {
        match self {
            Self::UNet(config) => config.in_channels = channels,
            Self::Described(architecture) => {
                let changed = Architecture { in_channels: channels, ..architecture.clone() };
                if changed.graph().is_ok() {
                    *architecture = changed;
                }
            }
        }
    }

    /// Channels of the logits; 0 for settings without meaning.
    #[must_use]
    pub fn out_channels(&self) -> usize {
        match self {
            Self::UNet(config) => config.out_channels,
            Self::Described(architecture) => architecture.graph().map_or(0, |graph| graph.out_channels()),
        }
    }

    /// Outputs in training: 1, and those of deep supervision.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self {
            Self::UNet(config) => config.deep_supervision + 1,
            Self::Described(architecture) => architecture.outputs.len().max(1),
        }
    }

    /// Sizes `[depth, height, width]` of an image must be multiples of these in training with several outputs; other sizes are
    /// padded.
    #[must_use]
    pub fn size_multiple(&self) -> [usize; 3] {
        match self {
            Self::UNet(config) => [config.size_multiple(); 3],
            Self::Described(architecture) => architecture.graph().map_or([1; 3], |graph| graph.size_multiple()),
        }
    }

    /// True if a norm uses the statistics of the batch in training.
    #[must_use]
    pub fn has_batch_norm(&self) -> bool {
        match self {
            Self::UNet(config) => matches!(config.norm, Norm::Batch { .. }),
            Self::Described(architecture) => architecture.graph().is_ok_and(|graph| {
                let is_one = |operation: &Operation| matches!(operation, Operation::Layer(Layer::BatchNorm { .. }));
                graph.nodes().iter().any(|node| is_one(&node.operation))
            }),
        }
    }

    /// True if training draws which channels or voxels are left out.
    #[must_use]
    pub fn has_dropout(&self) -> bool {
        match self {
            Self::UNet(config) => config.dropout > 0.0,
            Self::Described(architecture) => architecture.graph().is_ok_and(|graph| {
                let draws =
                    |operation: &Operation| matches!(operation, Operation::Layer(Layer::Dropout { p, .. }) if *p > 0.0);
                graph.nodes().iter().any(|node| draws(&node.operation))
            }),
        }
    }

    /// Parameters, arithmetic and memory for one image of `[depth, height, width]` voxels.
    ///
    /// # Errors
    /// Settings without meaning, and an image that is too large to be counted.
    pub fn cost(&self, image: [usize; 3]) -> Result<StageNetworkCost, NetworkConfigError> {
        match self {
            Self::UNet(config) => {
                let cost = describe(config, image)?;
                Ok(StageNetworkCost {
                    parameters: cost.parameters,
                    flops: cost.flops,
                    predicting: predicting(config, &cost.stages),
                    saved: cost.activation_bytes,
                    checkpointed: cost.checkpointed_bytes,
                    concatenated: cost.concatenated_bytes,
                })
            }
            Self::Described(architecture) => {
                let graph = architecture.graph()?;
                let multiple = graph.size_multiple();
                let padded = [0, 1, 2].map(|axis| image[axis].next_multiple_of(multiple[axis]));
                let cost = graph.cost(padded)?;
                Ok(StageNetworkCost {
                    parameters: cost.parameters,
                    flops: cost.flops,
                    predicting: cost.peak_bytes,
                    saved: cost.total_bytes,
                    checkpointed: cost.total_bytes,
                    concatenated: 0,
                })
            }
        }
    }

    /// A network with random weights; the same seed gives the same weights on every device.
    ///
    /// # Errors
    /// Settings without meaning.
    pub fn init_seeded(&self, seed: u64, device: &Device) -> Result<StageNetwork, BundleError> {
        Ok(match self {
            Self::UNet(config) => StageNetwork::UNet(config.init_seeded(seed, device)?),
            Self::Described(architecture) => StageNetwork::Described(Network::seeded(architecture, seed, device)?),
        })
    }
}

/// Upper bound of the memory of a forward pass of one window without gradients on the CPU kernels: the outputs of the encoder
/// that wait for the decoder, and four tensors of the largest output, one more than a residual block holds at once.
fn predicting(network: &UNetConfig, stages: &[StageCost]) -> u64 {
    let bytes = |stage: &StageCost| stage.output.iter().fold(4, |all: u64, &n| all.saturating_mul(n as u64));
    let waiting = stages.iter().take(network.levels()).map(bytes).fold(0, u64::saturating_add);
    let largest = stages.iter().map(bytes).max().unwrap_or(0);
    waiting.saturating_add(largest.saturating_mul(4))
}
