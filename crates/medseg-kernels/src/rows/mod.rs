//! Rows of values: weighted sums of several, and one that is resampled along its length.

mod sum;
mod taps;

pub use sum::weighted_sum;
pub use taps::RowTaps;
