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
    /// Bytes of the image on the network's grid.
    pub image_bytes: u64,
    /// Bytes of the sums over windows and folds.
    pub sums_bytes: u64,
    /// About the bytes of the network's weights and maps.
    pub network_bytes: u64,
    /// Bytes of the probabilities of all classes on the image's grid, where they are asked for.
    pub probability_bytes: u64,
}

impl ModelPlan {
    /// About the bytes of a prediction, without those of the probabilities.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.image_bytes.saturating_add(self.sums_bytes).saturating_add(self.network_bytes)
    }
}

impl fmt::Display for ModelPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = |[d, h, w]: [usize; 3]| format!("{d}x{h}x{w}");
        write!(
            f,
            "{} voxels for the networks of {} fold(s): {} windows of {}, {} pass(es) each, {:.1} TFLOP; \
             memory: about {} MiB (image {}, sums {}, network {})",
            shape(self.grid),
            self.folds,
            self.windows,
            shape(self.patch),
            self.passes,
            self.flops as f64 / 1e12,
            self.memory_bytes() >> 20,
            self.image_bytes >> 20,
            self.sums_bytes >> 20,
            self.network_bytes >> 20,
        )
    }
}
