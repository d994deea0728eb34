//! Samples, transforms, and pipelines of them.
//!
//! | Item | is |
//! |---|---|
//! | [`Sample`] | an image, its label and their geometry |
//! | [`Transform`] | a step of one's own: draws, then applies |
//! | [`Step`] | any built-in transform as one type |
//! | [`Pipeline`] | transforms one after another, as a value to be stored |
//! | [`Transformed`] | a pipeline's result with its trace |
//! | [`Trace`] | the numbers that were drawn: replays and inverts |

mod invert;
mod largest_shape;
mod lazy;
mod pipeline;
mod sample;
mod step;
mod trace;
mod transform;

pub use lazy::LazySample;
pub use pipeline::{Pipeline, Transformed};
pub use sample::Sample;
pub use step::Step;
pub use trace::{Applied, Trace};
pub use transform::{Draw, Transform};

/// For settings that are on where nothing is said.
pub(crate) fn yes() -> bool {
    true
}
