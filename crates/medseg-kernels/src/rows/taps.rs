//! Resampling of a row along its length.

use crate::isa::vectorised;

/// Each position of a new row as a weighted sum of positions of an old one.
///
/// Positions with fewer terms than others have further ones of weight 0, at a place that is used anyway: no NaN comes from a
/// value that does not count.
///
/// ```
/// use medseg_kernels::rows::RowTaps;
///
/// let taps = RowTaps::new(&[vec![(0, 1.0)], vec![(0, 0.5), (1, 0.5)], vec![(1, 1.0)]], 2);
/// let mut out = [0.0; 3];
/// taps.apply(&[2.0, 4.0], &mut out);
/// assert_eq!(out, [2.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Debug)]
pub struct RowTaps {
    /// Terms of a position.
    count: usize,
    /// Places of the old row, all first terms first; each is below `from`, and fits into the type without a sign.
    index: Vec<i32>,
    weight: Vec<f32>,
    from: usize,
    len: usize,
    identity: bool,
}

impl RowTaps {
    /// Takes the terms of every position: places in a row of `from` values, and their weights.
    ///
    /// # Panics
    /// If a place is not below `from`, or if `from` is above 2³¹.
    #[must_use]
    pub fn new(positions: &[Vec<(usize, f32)>], from: usize) -> Self {
        assert!(from <= 1 << 31, "values of a row: {from}");
        let len = positions.len();
        let count = positions.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let (mut index, mut weight) = (vec![0; count * len], vec![0.0; count * len]);
        for (i, terms) in positions.iter().enumerate() {
            let any = terms.first().map_or(0, |term| term.0);
            for k in 0..count {
                let (at, w) = terms.get(k).copied().unwrap_or((any, 0.0));
                assert!(at < from || terms.is_empty(), "place {at} in a row of {from}");
                (index[k * len + i], weight[k * len + i]) = (at as i32, w);
            }
        }
        let identity =
            len == from && positions.iter().enumerate().all(|(i, terms)| matches!(terms[..], [(at, 1.0)] if at == i));
        Self { count, index, weight, from, len, identity }
    }

    /// Values of a new row.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "an empty row is nothing to ask for")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The most terms of a position, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// True if new rows are the old ones.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.identity
    }

    /// The terms of a position that count: places and weights other than 0.
    ///
    /// # Panics
    /// If there is no such position.
    pub fn at(&self, position: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        assert!(position < self.len, "position {position} of {}", self.len);
        let terms = (0..self.count).map(move |k| k * self.len + position);
        terms.map(|at| (self.index[at] as usize, self.weight[at])).filter(|(_, weight)| *weight != 0.0)
    }

    /// Makes a new row of an old one.
    ///
    /// # Panics
    /// If the rows have other lengths than announced.
    pub fn apply(&self, row: &[f32], out: &mut [f32]) {
        assert_eq!((row.len(), out.len()), (self.from, self.len), "values of the old and the new row");
        match self.count {
            _ if self.identity => out.copy_from_slice(row),
            // Nothing to read, not even by a weight of 0.
            _ if self.from == 0 => out.fill(0.0),
            2 => pairs(self, row, out),
            count => (0..count).for_each(|term| {
                if term == 0 { one::<true>(self, term, row, out) } else { one::<false>(self, term, row, out) }
            }),
        }
    }

    fn column(&self, term: usize) -> (&[i32], &[f32]) {
        let range = term * self.len..(term + 1) * self.len;
        (&self.index[range.clone()], &self.weight[range])
    }
}

/// A value of a row.
///
/// # Safety
/// `index` must be at least 0 and below the row's length.
#[inline(always)]
unsafe fn value(row: &[f32], index: i32) -> f32 {
    // SAFETY: the caller's promise. Without a check, processors that have gathering loads use them.
    unsafe { *row.get_unchecked(index as usize) }
}

vectorised! {
    /// Both terms of every position.
    fn pairs(taps: &RowTaps, row: &[f32], out: &mut [f32]) {
        assert_eq!(row.len(), taps.from);
        let ((first, w0), (second, w1)) = (taps.column(0), taps.column(1));
        for ((((out, i), w0), j), w1) in out.iter_mut().zip(first).zip(w0).zip(second).zip(w1) {
            // SAFETY: places are at least 0 and below `from`, the row's length.
            *out = unsafe { value(row, *i) * w0 + value(row, *j) * w1 };
        }
    }

    /// A term of every position, written or added.
    fn one<const SET: bool>(taps: &RowTaps, term: usize, row: &[f32], out: &mut [f32]) {
        assert_eq!(row.len(), taps.from);
        let (index, weight) = taps.column(term);
        for ((out, i), w) in out.iter_mut().zip(index).zip(weight) {
            // SAFETY: as above.
            let term = unsafe { value(row, *i) * w };
            *out = if SET { term } else { *out + term };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Terms of random places and weights; some positions have fewer than `most`.
    fn positions(len: usize, from: usize, most: usize) -> Vec<Vec<(usize, f32)>> {
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        let terms = |position: usize| {
            let count = if position % 3 == 1 { random() % (most + 1) } else { most };
            (0..count).map(|_| (random() % from.max(1), (random() % 100) as f32 / 40.0 - 1.0)).collect()
        };
        (0..len).map(terms).collect()
    }

    #[test]
    fn rows_are_those_of_the_definition() {
        for from in [0, 1, 2, 7, 100] {
            let row: Vec<f32> = (0..from).map(|at| (at * 5 % 17) as f32 / 3.0 - 2.0).collect();
            for len in [0, 1, 5, 16, 33, 130] {
                for most in if from == 0 { vec![0] } else { vec![0, 1, 2, 3, 5] } {
                    let positions = positions(len, from, most);
                    let taps = RowTaps::new(&positions, from);
                    let mut out = vec![f32::NAN; len];
                    taps.apply(&row, &mut out);
                    for (n, (got, terms)) in out.iter().zip(&positions).enumerate() {
                        let want: f32 = terms.iter().map(|(at, w)| row[*at] * w).sum();
                        assert!((got - want).abs() < 1e-5, "{from} to {len}, {most} terms: {got} for {want}");
                        let counted: Vec<_> = terms.iter().copied().filter(|term| term.1 != 0.0).collect();
                        assert_eq!(taps.at(n).collect::<Vec<_>>(), counted);
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_count_is_not_read() {
        let taps = RowTaps::new(&[vec![(1, 1.0)], vec![(1, 0.5), (2, 0.5)]], 3);
        let mut out = [0.0; 2];
        taps.apply(&[f32::NAN, 1.0, 3.0], &mut out);
        assert_eq!(out, [1.0, 2.0]);
    }

    #[test]
    fn the_identity_is_recognised() {
        let same = RowTaps::new(&[vec![(0, 1.0)], vec![(1, 1.0)]], 2);
        assert!(same.is_identity() && !RowTaps::new(&[vec![(0, 1.0)]], 2).is_identity());
        let mut out = [0.0; 2];
        same.apply(&[4.0, f32::INFINITY], &mut out);
        assert_eq!(out, [4.0, f32::INFINITY]);
    }

    #[test]
    #[should_panic(expected = "place 3 in a row of 3")]
    fn a_place_outside_the_row_is_refused() {
        let _ = RowTaps::new(&[vec![(3, 1.0)]], 3);
    }

    #[test]
    #[should_panic(expected = "values of the old and the new row")]
    fn a_row_of_another_length_is_refused() {
        RowTaps::new(&[vec![(2, 1.0)]], 3).apply(&[0.0; 2], &mut [0.0]);
    }
}
