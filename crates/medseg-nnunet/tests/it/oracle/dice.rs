//! Random settings, the same in every run.

use std::ops::RangeInclusive;

use medseg_testing::noise;

/// Random numbers of a seed.
pub struct Dice(std::vec::IntoIter<f64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(noise(200, seed).into_iter())
    }

    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.0.next().expect("enough numbers")
    }

    pub fn whole(&mut self, range: RangeInclusive<usize>) -> usize {
        self.between(*range.start() as f64, *range.end() as f64 + 1.0) as usize
    }

    pub fn chance(&mut self, share: f64) -> bool {
        self.between(0.0, 1.0) < share
    }

    /// The values in a random order.
    pub fn shuffled<const N: usize>(&mut self, mut values: [usize; N]) -> [usize; N] {
        for at in 1..N {
            values.swap(at, self.whole(0..=at));
        }
        values
    }
}
