//! Preprocessing that can be undone.

mod run;
pub mod steps;

pub use run::{Pipeline, Transformed};
pub use steps::Transform;
