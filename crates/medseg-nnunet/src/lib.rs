#![doc = include_str!("../README.md")]

mod ensemble;
pub mod export;
mod half_rows;
mod postprocessing;
mod separate_axis;
pub mod window;

pub use ensemble::{Ensemble, EnsembleError, labels_of};
pub use postprocessing::{KeepLargest, Postprocessing, PostprocessingError};
pub use separate_axis::separate_axis;
