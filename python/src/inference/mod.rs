//! Networks on images: those of Python, and trained models.

mod interrupt;
mod model;
mod window;

pub use model::{Model, Prediction, open_model, predict};
pub use window::sliding_window;
