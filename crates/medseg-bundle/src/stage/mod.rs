//! The network of a stage: a U-Net, or one of any architecture.

mod config;
mod network;

pub use config::{NetworkConfig, NetworkConfigError, StageNetworkCost};
pub use network::StageNetwork;
