//! U-Nets for 3D medical image segmentation on Burn, as the reference liver experiments have them, with every option a
//! setting, weight files that carry their settings, and state dicts of PyTorch in and out.
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
//! To use it alone:
//! ```toml
//! [dependencies]
//! burn = { version = "0.22", default-features = false, features = ["std", "flex", "simd", "rayon"] }
//! medseg-unet = { version = "0.1", features = ["flex"] }
//! ```
//!
//! # The network
//! The encoder's stages `conv0_0`, `conv1_0`, ... each halve the sides by max-pooling and compute a block; the decoder's
//! stages `conv3_1`, `conv2_2`, ..., `conv0_4` (for five levels) double them, join the encoder's map of that level before
//! the upsampled one, and compute a block; `final` is a 1×1×1 convolution to logits. A norm follows every convolution of a
//! block.
//!
//! | setting of [`UNetConfig`] | choices | default |
//! |---|---|---|
//! | `in_channels`, `out_channels` | any number | 1, 1 |
//! | `channels` | one number a level, 2 to 8 levels | `[16, 32, 64, 128, 256]` |
//! | `encoder`, `decoder` | [`BlockKind`]: two layers, residual with two, residual with four | residual with two |
//! | `pool_kernel` | 2, or 3 with padding 1 | 3 |
//! | `upsample` | [`Upsample`]: trilinear, transposed convolution | trilinear |
//! | `norm` | [`Norm`]: instance with or without parameters, group, batch | instance without |
//! | `activation` | [`Activation`]: ReLU, leaky ReLU, GELU, SiLU | ReLU |
//! | `dropout`, `channel_dropout` | probability in [0, 1); whole channels or single voxels | 0.2, channels |
//! | `conv_bias`, `final_bias` | | no, no |
//! | `deep_supervision` | number of lower levels with logits of their own, for [`UNet::forward_deep`] | 0 |
//!
//! Settings are checked before anything is made ([`UNetConfig::validate`]), and are read and written by serde; a misspelt key
//! is an error. [`describe`] tells parameters, arithmetic and memory beforehand, as numbers and as a table:
//! ```
//! use medseg_unet::{Norm, UNetConfig, describe};
//!
//! let config: UNetConfig = serde_json::from_str(
//!     r#"{"channels": [32, 64, 128, 256, 512, 512], "norm": {"group": {"groups": 8}}, "activation": "silu"}"#,
//! )?;
//! assert_eq!(config.norm, Norm::Group { groups: 8 });
//! println!("{}", describe(&config, [128, 160, 160])?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Training and prediction
//! On a device with autodiff dropout is active and a batch norm uses, and remembers, the batch's statistics;
//! `network.valid()` (Burn's `Module::valid`) is the network for prediction. The other norms are the same in both.
//!
//! Instance norms with a ReLU or leaky ReLU, the experiments' path, run in the fused operations of `medseg-ops`; the other
//! choices are made of one operation after the other, slower and with more memory in training.
//!
//! # Weights
//! [`save_weights`] writes safetensors or burnpack (`.bpk`) with the settings inside, [`load_weights`] rebuilds the network
//! from such a file alone. [`load_state_dict`] takes what `torch.save` or safetensors wrote in PyTorch: stages have the names
//! above, inside them modules may be nested and called anything (`conv0_0.residual_unit.0.conv.weight`), and whatever stands
//! before the first stage's name (`state_dict.module.`) is found. [`load_state_dict_with`] also turns the kernels of networks
//! that were trained on arrays indexed (x, y, z), takes files that do not fit completely, and reports what is missing and
//! unexpected. [`save_state_dict`] is the way back.
//! ```
//! use burn::tensor::Device;
//! use medseg_unet::{StateDictKeys, StateDictOptions, UNetConfig, load_state_dict_with, save_state_dict};
//!
//! let (folder, device) = (tempfile::tempdir()?, Device::flex());
//! let file = folder.path().join("for_pytorch.safetensors"); // or checkpoint.pth
//! let config = UNetConfig { channels: vec![2, 4, 8], ..UNetConfig::default() };
//! let network = config.init_seeded(1, &device)?;
//! save_state_dict(&network, &file, &StateDictKeys::reference(&config).with_reversed_axes(true))?;
//!
//! let options = StateDictOptions { reversed_axes: true, ..StateDictOptions::default() };
//! let loaded = load_state_dict_with(&file, &config, &options, &device)?;
//! assert_eq!(loaded.keys.key_of("conv0_0.conv1.weight"), "conv0_0.residual_unit.0.conv.weight");
//! assert_eq!(loaded.network.named_parameters(), network.named_parameters());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Files are not trusted: nothing in a pickle is run, shapes are compared before numbers are read, and a damaged file is an
//! error that names it.
//!
//! # Features
//! - `flex`: the CPU kernels of `medseg-ops`; switch Burn's own `flex` on as well.
//! - `pytorch` (default): `.pt` and `.pth` files.

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
