//! What a cache would take.

use std::fmt;

/// What a cache would take, to be shown before it is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheEstimate {
    /// Number of cases.
    pub cases: usize,
    /// Bytes of all items.
    pub bytes: usize,
    /// Bytes that may be kept.
    pub budget: usize,
    /// Number of cases that fit when they are asked for in order.
    pub kept_cases: usize,
}

impl CacheEstimate {
    /// The estimate for items of these sizes (bytes).
    pub fn new(sizes: &[usize], budget: usize) -> Self {
        let mut left = budget;
        let mut kept_cases = 0;
        for &size in sizes {
            if let Some(rest) = left.checked_sub(size) {
                left = rest;
                kept_cases += 1;
            }
        }
        let bytes = sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(size));
        Self { cases: sizes.len(), bytes, budget, kept_cases }
    }

    /// Whether everything can be kept.
    pub fn fits(&self) -> bool {
        self.kept_cases == self.cases
    }
}

impl fmt::Display for CacheEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let noun = if self.cases == 1 { "case" } else { "cases" };
        write!(f, "{} {noun} of {:.1} MiB in all", self.cases, mebibytes(self.bytes))?;
        if self.fits() {
            return write!(f, ", kept in memory");
        }
        let (kept, streamed) = (self.kept_cases, self.cases - self.kept_cases);
        let budget = mebibytes(self.budget);
        write!(f, ", of which {kept} fit {budget:.1} MiB of memory and {streamed} are prepared anew each time")
    }
}
