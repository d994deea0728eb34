//! Mean, deviation and extremes of the voxels, the same to the bit for any number of threads.

use rayon::prelude::*;

use super::voxels::BLOCK;

/// Count, mean and spread of some voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    pub count: f64,
    pub mean: f64,
    /// Sum of squared differences from the mean.
    squares: f64,
}

impl Moments {
    /// Of the chosen voxels, in f64; nothing if there are none.
    pub fn of(values: &[f32], chosen: impl Fn(f32) -> bool + Sync) -> Option<Self> {
        let blocks: Vec<Self> = values.par_chunks(BLOCK).map(|block| Self::of_block(block, &chosen)).collect();
        let all = blocks.into_iter().fold(Self { count: 0.0, mean: 0.0, squares: 0.0 }, Self::and);
        (all.count > 0.0).then_some(all)
    }

    /// Standard deviation of the population.
    pub fn deviation(&self) -> f64 {
        (self.squares / self.count).sqrt()
    }

    /// Standard deviation estimated from a sample (n - 1); 0 for one voxel.
    pub fn sample_deviation(&self) -> f64 {
        (self.squares / (self.count - 1.0).max(1.0)).sqrt()
    }

    /// Two passes, of which the second finds the block in the cache.
    fn of_block(block: &[f32], chosen: impl Fn(f32) -> bool) -> Self {
        let count = sum(block, |v| f64::from(u8::from(chosen(v))));
        if count == 0.0 {
            return Self { count, mean: 0.0, squares: 0.0 };
        }
        let mean = sum(block, |v| if chosen(v) { f64::from(v) } else { 0.0 }) / count;
        let square = |v| {
            let off = if chosen(v) { f64::from(v) - mean } else { 0.0 };
            off * off
        };
        Self { count, mean, squares: sum(block, square) }
    }

    /// The moments of two sets together (Chan, Golub and LeVeque).
    fn and(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let (off, share) = (other.mean - self.mean, other.count / count);
        let squares = self.squares + other.squares + off * off * self.count * share;
        Self { count, mean: self.mean + off * share, squares }
    }
}

/// In eight sums side by side, which a processor adds at once.
fn sum(block: &[f32], term: impl Fn(f32) -> f64) -> f64 {
    let (eights, rest) = block.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, v)| *sum += term(*v));
    }
    sums.iter().sum::<f64>() + rest.iter().map(|v| term(*v)).sum::<f64>()
}

/// Lowest and highest finite voxel.
pub(crate) fn extremes(values: &[f32]) -> Option<(f32, f32)> {
    let of_block = |block: &[f32]| {
        let (mut low, mut high) = ([f32::INFINITY; 8], [f32::NEG_INFINITY; 8]);
        let (eights, rest) = block.as_chunks::<8>();
        let lanes = eights.iter().flat_map(|eight| eight.iter().enumerate());
        for (lane, &v) in lanes.chain(rest.iter().enumerate()) {
            // What is not finite is compared as a value that changes nothing.
            let finite = v.is_finite();
            let (for_low, for_high) = if finite { (v, v) } else { (f32::INFINITY, f32::NEG_INFINITY) };
            low[lane] = if for_low < low[lane] { for_low } else { low[lane] };
            high[lane] = if for_high > high[lane] { for_high } else { high[lane] };
        }
        let low = low.into_iter().fold(f32::INFINITY, f32::min);
        (low, high.into_iter().fold(f32::NEG_INFINITY, f32::max))
    };
    let (low, high) = values
        .par_chunks(BLOCK)
        .map(of_block)
        .reduce(|| (f32::INFINITY, f32::NEG_INFINITY), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    (low <= high).then_some((low, high))
}
