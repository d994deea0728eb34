//! Sliding window with nnU-Net's window positions, Gaussian weights and rounding.
//!
//! Source: nnU-Net v2, `predict_from_raw_data` and `sliding_window_prediction`.

mod accumulator;
mod config;
mod error;
mod folds;
mod gaussian;
mod job;
mod mirror;
mod patch;
mod plan;
mod run;
mod sink;
mod starts;
mod sums;

pub use config::{Sums, WindowConfig};
pub use error::WindowError;
pub use gaussian::gaussian;
pub use job::{Wanted, WindowJob};
pub use plan::WindowPlan;
pub use run::SlidingWindow;
pub use sink::{BoxError, LogitsSink, WholeLogits};
pub use starts::window_starts;
