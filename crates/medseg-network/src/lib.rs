#![doc = include_str!("../README.md")]

mod error;
mod initial;
mod layers;
mod network;
mod run;
mod value;
mod weights;

pub use error::NetworkError;
pub use medseg_architecture::{Architecture, ArchitectureError, Graph};
pub use medseg_ops::Precision;
pub use network::Network;
