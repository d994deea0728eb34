//! Bootstrap interval of a mean.

use crate::quantile::quantile;

/// Lower and upper end of a 95 % interval, as fractions.
const TAILS: (f64, f64) = (0.025, 0.975);

/// 95 % bootstrap interval of the mean: (lower, upper).
///
/// Draws `resamples` sets of cases with replacement and takes the 2.5 and 97.5 percentile of their means (Efron's
/// percentile interval). NaN values are left out first. The same seed gives the same interval on every machine.
/// A few thousand resamples are enough; the interval of one value is that value twice.
///
/// `None` if there is nothing to draw from (no value, or `resamples` is 0) or a value is infinite.
///
/// ```
/// use medseg_metrics::bootstrap_ci95;
///
/// let dice = [0.91, 0.93, 0.88, 0.95, f64::NAN, 0.90, 0.94];
/// let (low, high) = bootstrap_ci95(&dice, 2000, 7).unwrap();
/// assert!(0.89 < low && low < 0.918 && 0.918 < high && high < 0.94);
/// assert_eq!(bootstrap_ci95(&dice, 2000, 7), Some((low, high)));
/// ```
#[must_use]
pub fn bootstrap_ci95(values: &[f64], resamples: usize, seed: u64) -> Option<(f64, f64)> {
    let present: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    if present.is_empty() || resamples == 0 || present.iter().any(|v| v.is_infinite()) {
        return None;
    }
    let mut random = SplitMix64(seed);
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let sum: f64 = (0..present.len()).map(|_| present[random.below(present.len())]).sum();
            sum / present.len() as f64
        })
        .collect();
    Some((quantile(&mut means, TAILS.0), quantile(&mut means, TAILS.1)))
}

/// Steele, Lea and Flood's SplitMix64: small, seedable and good enough to draw cases.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// An index below `n`; the bias of the multiplication is below `n / 2^64`.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generator_gives_the_published_sequence_of_seed_1234567() {
        let mut random = SplitMix64(1_234_567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_below_n_are_even() {
        let mut random = SplitMix64(3);
        let mut hits = [0_u32; 7];
        (0..70_000).for_each(|_| hits[random.below(7)] += 1);
        assert!(hits.iter().all(|&n| (9_600..10_400).contains(&n)), "{hits:?}");
    }
}
