#![doc = include_str!("../README.md")]

mod architecture;
mod error;
mod import;

pub use architecture::{Channels, architecture};
pub use error::ObeliskError;
pub use import::import;
