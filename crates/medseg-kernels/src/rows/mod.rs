//! Rows of values: weighted sums of several, one that is resampled along its length, and rows of overlapping windows.

mod blend;
mod sum;
mod taps;

pub use blend::{RowWeights, add, divide, weigh};
pub use sum::{copy, weighted_sum};
pub use taps::RowTaps;
