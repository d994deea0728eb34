//! What a transform is, and pipelines of them.

mod invert;
mod lazy;
mod pipeline;
mod sample;
mod trace;
mod transform;

pub use lazy::LazySample;
pub use pipeline::{Pipeline, Transformed};
pub use sample::Sample;
pub use trace::{Applied, Trace};
pub use transform::{Draw, Transform};
