//! U-Nets that are described stage by stage, as nnU-Net's.

mod architecture;
mod config;
mod conv_blocks;
mod decoder_stage;
mod describe;
mod encoder_block;
mod init;
mod inspect;
mod layout;
mod network;
mod norm_activation;
mod parameters;
mod stage;
mod validate;

pub use config::{ConcatOrder, EncoderKind, StagedUNetConfig};
pub use describe::describe_staged;
pub(crate) use layout::StagedLayout;
pub use network::StagedUNet;
pub use parameters::parameter_shapes;
pub use stage::StageConfig;
