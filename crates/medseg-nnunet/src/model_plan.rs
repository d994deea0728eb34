//! Windows, arithmetic and memory of a prediction.

use std::fmt;

/// Windows, arithmetic and memory of a prediction, before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelPlan {
    /// Shape of the network's grid.
    pub grid: [usize; 3],
    /// Shape of a window.
    pub patch: [usize; 3],
    /// Number of folds.
    pub folds: usize,
    /// Windows of all folds.
    pub windows: usize,
    /// Passes through a network for each window, mirrored ones among them.
    pub passes: usize,
    /// Multiplications and additions of the convolutions.
    pub flops: u64,
    /// Bytes of the sums over windows and folds.
    pub sums_bytes: u64,
}

impl fmt::Display for ModelPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |[d, h, w]: [usize; 3]| format!("{d}x{h}x{w}");
        write!(
            f,
            "{} voxels for the networks of {} fold(s): {} windows of {}, {} pass(es) each, {:.1} TFLOP; sums take {} MiB",
            shape(self.grid),
            self.folds,
            self.windows,
            shape(self.patch),
            self.passes,
            self.flops as f64 / 1e12,
            self.sums_bytes >> 20
        )
    }
}
