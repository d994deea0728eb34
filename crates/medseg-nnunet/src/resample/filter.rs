//! The recursive filter that makes spline coefficients of samples.

use std::array::from_fn;

/// Lines that are filtered side by side, as vectors.
pub(super) const LANES: usize = 16;

/// The values of these lines at one voxel.
pub(super) type Row = [f64; LANES];

/// The pole of the cubic B-spline, √3 − 2.
const POLE: f64 = -0.267_949_192_431_122_7;

/// The factor of all samples.
const GAIN: f64 = (1.0 - POLE) * (1.0 - 1.0 / POLE);

/// Terms of the first coefficient's series, after which the pole's power is below 1e-36.
const TERMS: usize = 64;

/// Makes coefficients of samples, in place. At its ends a line is mirrored half a voxel beyond the last sample. `starts` and
/// `ends` are true if these are the line's ends, and not those of a part of it.
///
/// Source: M. Unser, "Splines: a perfect fit for signal and image processing", 1999; the ends as in SciPy's "reflect".
pub(super) fn prefilter(line: &mut [Row], starts: bool, ends: bool) {
    let (Some(&first), Some(&last)) = (line.first(), line.last()) else { return };
    let (first, last) = (first.map(|value| value * GAIN), last.map(|value| value * GAIN));
    let mut before: Row;
    if starts {
        // The power of the mirror image at the other end, which a part of a line is too long for.
        let far = if ends { POLE.powi(line.len().min(4096) as i32) } else { 0.0 };
        before = from_fn(|lane| first[lane] + far * last[lane]);
        let mut power = POLE;
        for (near, opposite) in line.iter().zip(line.iter().rev()).take(TERMS).skip(1) {
            before = from_fn(|lane| before[lane] + power * (near[lane] * GAIN + far * (opposite[lane] * GAIN)));
            power *= POLE;
        }
        before = from_fn(|lane| before[lane] * (POLE / (1.0 - far * far)) + first[lane]);
    } else {
        before = first.map(|value| value / (1.0 - POLE));
    }
    line[0] = before;
    for row in &mut line[1..] {
        before = from_fn(|lane| row[lane] * GAIN + POLE * before[lane]);
        *row = before;
    }
    let mut after = before.map(|value| value * (POLE / (POLE - 1.0)));
    if let Some((end, rest)) = line.split_last_mut() {
        *end = after;
        for row in rest.iter_mut().rev() {
            after = from_fn(|lane| POLE * (after[lane] - row[lane]));
            *row = after;
        }
    }
}
