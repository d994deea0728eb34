//! Labels: from a network's output, one-hot, merged.

mod activation;
mod discrete;
mod interpolation;
mod label_map;
mod one_hot;

pub use activation::Activation;
pub use discrete::{AsDiscrete, argmax, threshold};
pub use interpolation::LabelInterpolation;
pub use label_map::{LabelMap, OtherLabels};
pub use one_hot::one_hot;
