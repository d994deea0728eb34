//! Networks of the literature as architectures.

mod norm_activation;
mod unet_plus_plus;
mod vnet;

pub use norm_activation::NormActivation;
pub use unet_plus_plus::UNetPlusPlusConfig;
pub use vnet::VNetConfig;
