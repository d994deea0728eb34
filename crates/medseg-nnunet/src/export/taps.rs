//! Source voxels and weights of each voxel along an axis.

use crate::resample::Rounding;

/// Two source voxels and their weights for each new voxel of an axis; weights are 1 and 0 for a single one.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    pub(super) low: Vec<usize>,
    pub(super) high: Vec<usize>,
    pub(super) weights: Vec<[f64; 2]>,
    /// Every new voxel is a copy of one voxel.
    pub(super) single: bool,
}

impl Taps {
    /// Linear in f64 as SciPy's `zoom` of order 1 computes it in grid mode, with the edge continued.
    ///
    /// Coordinates outside the image keep both weights, and both source voxels are the edge.
    pub(super) fn linear(from: usize, to: usize) -> Self {
        if from == to {
            return Self::copies((0..to).collect());
        }
        let scale = from as f64 / to as f64;
        let tap = |at: usize| {
            let c = (at as f64 + 0.5) * scale - 0.5;
            let low = c.floor();
            let first = 1.0 - (c - low);
            (clamp(low, from), clamp(low + 1.0, from), [first, 1.0 - first])
        };
        Self::pairs((0..to).map(tap))
    }

    /// Nearest neighbour in f64 as nnU-Net takes it along a separate axis.
    pub(super) fn nearest(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        Self::copies((0..to).map(|at| clamp((scale * (at as f64 + 0.5) - 0.5 + 0.5).floor(), from)).collect())
    }

    /// Linear in f32 as PyTorch's `interpolate` without aligned corners.
    pub(super) fn torch_linear(from: usize, to: usize, rounding: Rounding) -> Self {
        if from == to {
            return Self::copies((0..to).collect());
        }
        let scale = from as f32 / to as f32;
        let tap = |at: usize| {
            let c = rounding.centre(scale, at);
            let low = (c as usize).min(from - 1);
            let second = (c - low as f32).clamp(0.0, 1.0);
            (low, (low + 1).min(from - 1), [f64::from(1.0 - second), f64::from(second)])
        };
        Self::pairs((0..to).map(tap))
    }

    /// PyTorch's `nearest-exact`, in f32.
    pub(super) fn torch_nearest(from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let source = |at: usize| (((at as f32 + 0.5) * scale - 0.5).max(0.0) + 0.5) as usize;
        Self::copies((0..to).map(|at| source(at).min(from - 1)).collect())
    }

    fn copies(low: Vec<usize>) -> Self {
        Self { high: low.clone(), weights: vec![[1.0, 0.0]; low.len()], low, single: true }
    }

    fn pairs(taps: impl Iterator<Item = (usize, usize, [f64; 2])>) -> Self {
        let mut all = Self { low: Vec::new(), high: Vec::new(), weights: Vec::new(), single: false };
        for (low, high, weights) in taps {
            all.low.push(low);
            all.high.push(high);
            all.weights.push(weights);
        }
        all
    }

    /// Source voxels of one new voxel and their weights: one, or two.
    pub(super) fn at(&self, at: usize) -> impl Iterator<Item = (usize, f64)> + Clone {
        let [first, second] = self.weights[at];
        let count = if self.single { 1 } else { 2 };
        [(self.low[at], first), (self.high[at], second)].into_iter().take(count)
    }
}

fn clamp(at: f64, size: usize) -> usize {
    (at.max(0.0) as usize).min(size - 1)
}
