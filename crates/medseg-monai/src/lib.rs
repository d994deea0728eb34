#![doc = include_str!("../README.md")]

mod bundle;
mod checkpoint;
mod config;
mod error;
mod folder;
#[cfg(feature = "import")]
mod import;
mod inferer;
mod metadata;
mod network;
mod postprocessing;
mod preprocessing;
mod problem;
mod transforms;
mod zipped;

pub use bundle::MonaiBundle;
pub use checkpoint::Checkpoint;
pub use error::MonaiError;
#[cfg(feature = "import")]
pub use import::ImportError;
pub use inferer::{Blend, Inferer, SlidingWindow};
pub use metadata::Metadata;
pub use network::MonaiNetwork;
pub use postprocessing::{Activation, ChannelLabels, Components, Discrete, Invert, Postprocess, SmallObjects};
pub use preprocessing::Preprocess;
pub use problem::BundleProblem;
pub use transforms::{
    ChannelDim, CropForeground, LoadImage, NormalizeIntensity, Orientation, Padding, Resize, ResizeMode,
    ScaleIntensity, ScaleIntensityRange, ScaleIntensityRangePercentiles, SizeMode, Spacing, SpatialPad,
};
