#![doc = include_str!("../README.md")]

pub mod conv;
mod isa;
pub mod memory;
pub mod norm;
pub mod pool;
pub mod rows;
pub mod upsample;

pub use conv::{Arithmetic, Conv3d};
pub use isa::Isa;
pub use norm::InstanceNorm3d;
pub use pool::MaxPool3d;
pub use upsample::{upsample_trilinear2x, upsample_trilinear2x_grad};
