//! Rows of overlapping windows: weighed, added, averaged.

use crate::isa::{LINE, ahead_of, vectorised};

/// Weights along a row: a factor of each value times `scale`, at least `floor`.
#[derive(Clone, Copy, Debug)]
pub struct RowWeights<'a> {
    /// Factor of the whole row.
    pub scale: f32,
    /// Factors along the row.
    pub factors: &'a [f32],
    /// Least weight.
    pub floor: f32,
}

impl RowWeights<'_> {
    /// The weight of a value with this factor. Products are never NaN, so a plain comparison does, which is one instruction
    /// where `max` is several.
    #[inline(always)]
    #[must_use]
    pub fn weight(&self, factor: f32) -> f32 {
        let weight = self.scale * factor;
        if weight > self.floor { weight } else { self.floor }
    }
}

vectorised! {
    /// Writes each value times its weight to `out`. Returns false if a value is NaN or infinite. Values a page ahead are asked
    /// for, since rows of a window follow each other.
    ///
    /// # Panics
    /// If lengths differ.
    ///
    /// ```
    /// use medseg_kernels::rows::{RowWeights, weigh};
    ///
    /// let weights = RowWeights { scale: 0.5, factors: &[1.0, 0.1], floor: 0.2 };
    /// let mut out = [0.0; 2];
    /// assert!(weigh(&weights, &[4.0, 10.0], &mut out));
    /// assert_eq!(out, [2.0, 2.0]);
    /// assert!(!weigh(&weights, &[4.0, f32::NAN], &mut out));
    /// ```
    pub fn weigh(weights: &RowWeights<'_>, values: &[f32], out: &mut [f32]) -> bool {
        let factors = weights.factors;
        assert_eq!((values.len(), factors.len()), (out.len(), out.len()), "values and factors of a row");
        /// The bits of infinity: the largest magnitude of a finite value is below.
        const INFINITE: u32 = f32::INFINITY.to_bits();
        let (value_lines, value_rest) = values.as_chunks::<LINE>();
        let (factor_lines, factor_rest) = factors.as_chunks::<LINE>();
        let (out_lines, out_rest) = out.as_chunks_mut::<LINE>();
        let mut largest = [0_u32; LINE];
        for ((values, factors), out) in value_lines.iter().zip(factor_lines).zip(out_lines) {
            ahead_of(values);
            for lane in 0..LINE {
                let magnitude = values[lane].to_bits() & !(1 << 31);
                largest[lane] = largest[lane].max(magnitude);
                out[lane] = weights.weight(factors[lane]) * values[lane];
            }
        }
        let mut finite = largest.iter().all(|magnitude| *magnitude < INFINITE);
        for ((value, factor), out) in value_rest.iter().zip(factor_rest).zip(out_rest) {
            finite &= value.is_finite();
            *out = weights.weight(*factor) * value;
        }
        finite
    }

    /// Adds values to sums, as many as both have.
    pub fn add(sums: &mut [f32], values: &[f32]) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }

    /// Divides values by divisors, as many as both have.
    pub fn divide(values: &mut [f32], divisors: &[f32]) {
        for (value, divisor) in values.iter_mut().zip(divisors) {
            *value /= divisor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 9] = [0, 1, 7, 15, 16, 17, 64, 100, 129];

    fn values(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|at| ((at * 37 + seed * 11) % 101) as f32 / 13.0 - 3.5).collect()
    }

    #[test]
    fn rows_are_weighed_added_and_divided_to_the_bit() {
        for len in LENGTHS {
            let (row, factors) = (values(len, 1), values(len, 2).iter().map(|v| v.abs()).collect::<Vec<_>>());
            let weights = RowWeights { scale: 0.3, factors: &factors, floor: 0.25 };
            let mut out = vec![f32::NAN; len];
            assert!(weigh(&weights, &row, &mut out));
            let want: Vec<f32> = row.iter().zip(&factors).map(|(v, f)| f32::max(0.3 * f, 0.25) * v).collect();
            assert_eq!(out, want);
            add(&mut out, &row);
            let want: Vec<f32> = want.iter().zip(&row).map(|(a, b)| a + b).collect();
            assert_eq!(out, want);
            divide(&mut out, &factors);
            let same =
                out.iter().zip(want.iter().zip(&factors)).all(|(got, (a, b))| got.to_bits() == (a / b).to_bits());
            assert!(same, "{len}");
        }
    }

    #[test]
    fn what_is_not_finite_is_found_wherever_it_is() {
        for len in LENGTHS {
            let factors = vec![1.0; len];
            let weights = RowWeights { scale: 1.0, factors: &factors, floor: 0.0 };
            for at in 0..len {
                for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut row = values(len, at);
                    row[at] = bad;
                    assert!(!weigh(&weights, &row, &mut vec![0.0; len]), "{bad} at {at} of {len}");
                    row[at] = f32::MAX;
                    assert!(weigh(&weights, &row, &mut vec![0.0; len]), "{at} of {len}");
                }
            }
        }
    }

    #[test]
    fn the_shorter_row_counts() {
        let mut sums = [1.0, 2.0, 3.0];
        add(&mut sums, &[10.0, 20.0]);
        divide(&mut sums[..2], &[2.0, 4.0, 8.0]);
        assert_eq!(sums, [5.5, 5.5, 3.0]);
    }
}
