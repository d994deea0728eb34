//! Weighted sums of rows.

use crate::isa::{prefetch, vectorised};

/// Rows that are added up in one pass.
const TOGETHER: usize = 4;

/// A row and its weight.
type Term<'a> = (f32, &'a [f32]);

/// Writes the sum of rows times their weights to `out`: zeros without rows. Sums are made in the rows' order, so their bits
/// are the same for every instruction set.
///
/// The rows `next`, which are read after this call, are asked for meanwhile: where rows lie apart, the processor does not see
/// which one follows.
///
/// # Panics
/// If a row of `rows` has another length than `out`.
///
/// ```
/// let mut out = [0.0; 3];
/// medseg_kernels::rows::weighted_sum([(0.5, &[1.0, 2.0, 3.0][..]), (2.0, &[10.0; 3])], [], &mut out);
/// assert_eq!(out, [20.5, 21.0, 21.5]);
/// ```
pub fn weighted_sum<'a>(
    rows: impl IntoIterator<Item = (f32, &'a [f32])>,
    next: impl IntoIterator<Item = &'a [f32]>,
    out: &mut [f32],
) {
    let mut rows = rows.into_iter();
    let mut ahead: [&[f32]; TOGETHER] = [&[]; TOGETHER];
    ahead.iter_mut().zip(next).for_each(|(ahead, row)| *ahead = row);
    let mut first = true;
    loop {
        let mut terms: [Term<'_>; TOGETHER] = [(0.0, &[]); TOGETHER];
        let mut count = 0;
        for (term, row) in terms.iter_mut().zip(&mut rows) {
            assert_eq!(row.1.len(), out.len(), "values of a row");
            *term = row;
            count += 1;
        }
        match (first, count) {
            (true, 0) => out.fill(0.0),
            (true, _) => pass::<true>(&terms[..count], &ahead, out),
            (false, 0) => {}
            (false, _) => pass::<false>(&terms[..count], &[], out),
        }
        if count < TOGETHER {
            return;
        }
        first = false;
    }
}

/// Copies a row, and asks for the one that is copied next: rows of a box lie apart, and the processor does not see which one
/// follows.
///
/// # Panics
/// If `from` and `to` differ in length.
pub fn copy(from: &[f32], next: Option<&[f32]>, to: &mut [f32]) {
    next.into_iter().for_each(|next| next.as_chunks().0.iter().for_each(prefetch));
    to.copy_from_slice(from);
}

vectorised! {
    /// Writes the sum of up to four terms, or adds it to what is there.
    fn pass<const SET: bool>(terms: &[Term<'_>], next: &[&[f32]], out: &mut [f32]) {
        /// Values between two requests for lines: four lines of each row.
        const BLOCK: usize = 64;
        let before = |value: &f32| if SET { None } else { Some(*value) };
        let plus = |sum: Option<f32>, term: f32| sum.map_or(term, |sum| sum + term);
        for start in (0..out.len()).step_by(BLOCK) {
            for row in next {
                let lines = row.get(start..).unwrap_or(&[]);
                lines[..lines.len().min(BLOCK)].as_chunks().0.iter().for_each(prefetch);
            }
            let range = start..out.len().min(start + BLOCK);
            let part = |term: usize| (terms[term].0, &terms[term].1[range.clone()]);
            let out = &mut out[range.clone()];
            match terms.len() {
                0 => {}
                1 => {
                    let (w, row) = part(0);
                    out.iter_mut().zip(row).for_each(|(out, v)| *out = plus(before(out), w * v));
                }
                2 => {
                    let ((w0, a), (w1, b)) = (part(0), part(1));
                    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
                        *out = plus(before(out), w0 * a) + w1 * b;
                    }
                }
                3 => {
                    let ((w0, a), (w1, b), (w2, c)) = (part(0), part(1), part(2));
                    for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
                        *out = plus(before(out), w0 * a) + w1 * b + w2 * c;
                    }
                }
                _ => {
                    let ((w0, a), (w1, b), (w2, c), (w3, d)) = (part(0), part(1), part(2), part(3));
                    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *out = plus(before(out), w0 * a) + w1 * b + w2 * c + w3 * d;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition_for_any_number_and_length_of_rows() {
        for count in 0..11 {
            for len in [0, 1, 3, 15, 16, 17, 63, 64, 65, 200] {
                let value = |row: usize, at: usize| ((row * 31 + at * 7) % 23) as f32 / 7.0 - 1.5;
                let rows: Vec<Vec<f32>> = (0..count).map(|row| (0..len).map(|at| value(row, at)).collect()).collect();
                let weight = |row: usize| 0.3 - row as f32 / 9.0;
                let next: Vec<&[f32]> = rows.iter().map(|row| &row[len / 3..]).collect();
                let mut out = vec![f32::NAN; len];
                let terms = rows.iter().enumerate().map(|(n, row)| (weight(n), &row[..]));
                weighted_sum(terms, next, &mut out);
                for (at, got) in out.iter().enumerate() {
                    let want = (1..count).fold(if count == 0 { 0.0 } else { weight(0) * value(0, at) }, |sum, row| {
                        sum + weight(row) * value(row, at)
                    });
                    assert_eq!(got.to_bits(), want.to_bits(), "{count} rows of {len}");
                }
            }
        }
    }

    #[test]
    fn a_copy_is_equal_whatever_is_asked_for() {
        let row: Vec<f32> = (0..37).map(|at| at as f32).collect();
        for next in [None, Some(&row[..]), Some(&row[5..21]), Some(&[])] {
            let mut to = vec![0.0; row.len()];
            copy(&row, next, &mut to);
            assert_eq!(to, row);
        }
    }

    #[test]
    #[should_panic(expected = "values of a row")]
    fn a_row_of_another_length_is_refused() {
        weighted_sum([(1.0, &[1.0; 3][..]), (1.0, &[1.0; 4][..])], [], &mut [0.0; 3]);
    }
}
