//! U-Nets for 3D medical image segmentation on Burn, as the reference liver experiments have them.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use medseg_unet::{UNetConfig, load_weights, save_weights};
//!
//! let device = Device::flex();
//! let config = UNetConfig { channels: vec![2, 4, 8], ..UNetConfig::default() };
//! let network = config.init_seeded(1, &device)?;
//! let image = Tensor::<5>::ones([1, 1, 10, 7, 5], &device); // any sides; `[batch, channel, depth, height, width]`
//! let logits = network.forward(image.clone());
//! assert_eq!(logits.dims(), [1, 1, 10, 7, 5]);
//!
//! let folder = tempfile::tempdir()?;
//! save_weights(&network, folder.path().join("w.safetensors"))?;
//! let same = load_weights(folder.path().join("w.safetensors"), &device)?; // the settings are in the file
//! assert_eq!(same.config(), &config);
//! assert_eq!(same.forward(image).into_data(), logits.into_data());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The network
//! The encoder's stages `conv0_0`, `conv1_0`, ... each halve the sides by max-pooling and compute a block; the decoder's
//! stages `conv3_1`, `conv2_2`, ..., `conv0_4` (for five levels) double them, join the encoder's map of that level before
//! the upsampled one, and compute a block; `final` is a 1×1×1 convolution to logits. Every convolution of a block is
//! followed by an instance norm without affine parameters. These names are the keys of weight files.
//!
//! [`describe`] tells parameters, arithmetic and memory beforehand.

mod activation;
mod block;
mod config;
mod conv;
mod describe;
mod error;
mod inspect;
mod layout;
mod norm;
mod parameters;
mod unet;
mod weights;

pub use activation::Activation;
pub use config::{BlockKind, UNetConfig, Upsample};
pub use describe::{NetworkCost, StageCost, describe};
pub use error::UNetError;
pub use medseg_ops::Precision;
pub use norm::Norm;
pub use unet::UNet;
pub use weights::{
    LoadedStateDict, StateDictKeys, StateDictOptions, load_state_dict, load_state_dict_with, load_weights,
    save_state_dict, save_weights,
};
