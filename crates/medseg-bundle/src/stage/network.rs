//! A stage's network with its weights.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use medseg_network::Network;
use medseg_unet::{Precision, UNet, load_weights, save_weights};

use super::NetworkConfig;
use crate::error::BundleError;

/// A network with its weights on a device: a Burn module that training changes and prediction uses.
#[derive(Debug, Module)]
#[expect(clippy::large_enum_variant, reason = "a program has one or two of them")]
pub enum StageNetwork {
    /// A U-Net.
    UNet(UNet),
    /// A network that an architecture describes.
    Described(Network),
}

impl From<UNet> for StageNetwork {
    fn from(network: UNet) -> Self {
        Self::UNet(network)
    }
}

impl From<Network> for StageNetwork {
    fn from(network: Network) -> Self {
        Self::Described(network)
    }
}

impl StageNetwork {
    /// Logits of a batch of images.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, any size from 1
    /// - output: `[batch, out_channels, depth, height, width]`
    #[must_use]
    pub fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Self::UNet(network) => network.forward(x),
            Self::Described(network) => network.forward(x),
        }
    }

    /// Logits of all outputs: on the image's grid first, then those of deep supervision.
    ///
    /// # Shapes
    /// - x: `[batch, in_channels, depth, height, width]`, sizes that are multiples of [`NetworkConfig::size_multiple`]
    /// - outputs: `[batch, out_channels, ...]`, each on its own grid
    ///
    /// # Panics
    /// If a size is no such multiple.
    #[must_use]
    pub fn forward_deep(&self, x: Tensor<5>) -> Vec<Tensor<5>> {
        match self {
            Self::UNet(network) => network.forward_deep(x),
            Self::Described(network) => network.forward_deep(x),
        }
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> NetworkConfig {
        match self {
            Self::UNet(network) => NetworkConfig::UNet(network.config().clone()),
            Self::Described(network) => NetworkConfig::Described(network.architecture().clone()),
        }
    }

    /// The same network computing in these numbers; see [`Precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        match self {
            Self::UNet(network) => Self::UNet(network.with_precision(precision)),
            Self::Described(network) => Self::Described(network.with_precision(precision)),
        }
    }

    /// All weights and running statistics with their names.
    #[must_use]
    pub fn named_tensors(&self) -> Vec<(String, TensorData)> {
        match self {
            Self::UNet(network) => network.named_parameters().into_iter().chain(network.named_statistics()).collect(),
            Self::Described(network) => network.named_tensors(),
        }
    }

    /// Writes weights and settings to a safetensors file, complete or not at all.
    ///
    /// # Errors
    /// The system's, naming the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), BundleError> {
        match self {
            Self::UNet(network) => save_weights(network, path)?,
            Self::Described(network) => network.save(path)?,
        }
        Ok(())
    }

    /// Reads the network of these settings from a file of [`save`](Self::save).
    ///
    /// # Errors
    /// An unreadable or damaged file, or one that holds another network.
    pub fn load(config: &NetworkConfig, path: impl AsRef<Path>, device: &Device) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let network = match config {
            NetworkConfig::UNet(_) => Self::UNet(load_weights(path, device)?),
            NetworkConfig::Described(_) => Self::Described(Network::load(path, device)?),
        };
        if network.config() != *config {
            return Err(BundleError::weights(path, "it holds another network than the settings"));
        }
        Ok(network)
    }
}
