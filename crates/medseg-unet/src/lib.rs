#![doc = include_str!("../README.md")]

mod activation;
mod architecture;
mod block;
mod config;
mod conv;
mod describe;
mod error;
mod inspect;
mod layout;
mod norm;
mod norm_layer;
mod parameters;
mod setters;
mod staged;
mod unet;
mod weights;

pub use activation::Activation;
pub use config::{BlockKind, UNetConfig, Upsample};
pub use describe::{NetworkCost, StageCost, describe};
pub use error::UNetError;
pub use medseg_ops::Precision;
pub use norm::Norm;
pub use staged::{
    ConcatOrder, EncoderKind, StageConfig, StagedUNet, StagedUNetConfig, describe_staged, parameter_shapes,
};
pub use unet::UNet;
pub use weights::{
    LoadedStateDict, StateDictKeys, StateDictOptions, load_state_dict, load_state_dict_with, load_weights,
    save_state_dict, save_weights,
};
