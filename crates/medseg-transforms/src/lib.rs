#![doc = include_str!("../README.md")]

pub mod crop_pad;
mod error;
pub mod intensity;
pub mod labels;
pub mod model;
mod one_or_three;
mod preprocessing;
pub mod random;
pub mod spatial;

/// The crates whose types are in [`Transform`]'s methods.
pub use {ndarray, rand, serde_json};

#[doc(no_inline)]
pub use crop_pad::*;
pub use error::TransformError;
#[doc(no_inline)]
pub use intensity::*;
#[doc(no_inline)]
pub use labels::*;
#[doc(no_inline)]
pub use model::*;
pub use preprocessing::Preprocessing;
#[doc(no_inline)]
pub use random::*;
#[doc(no_inline)]
pub use spatial::*;
