//! Resampling of lines along one axis.

use std::ops::Range;

use super::ResampleError;
use super::filter::{GAIN, Row, prefilter};

/// Voxels of the edge value before and after a line, as SciPy has them for mode "nearest".
const PAD: usize = 12;

/// Coefficients beyond those in use, after which the pole's power is below the rounding of f64.
const HALO: usize = 32;

/// The way from `from` to `to` voxels along one axis; both are at least 1.
pub(super) struct Axis {
    from: usize,
    to: usize,
    taps: Taps,
}

/// For each output voxel, the input voxels and their weights.
enum Taps {
    /// Equal lengths: no change.
    Same,
    Nearest(Vec<usize>),
    /// The lower neighbour and the weight of the upper one.
    Linear(Vec<(usize, f64)>),
    /// The first of four coefficients in the padded line.
    Cubic(Vec<(usize, [f64; 4])>),
}

/// The centre of an output voxel in the input's voxels.
pub(super) fn centre(at: usize, scale: f64) -> f64 {
    (at as f64 + 0.5) * scale - 0.5
}

/// The nearest input voxel of each output voxel.
pub(super) fn nearest(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f64 / to as f64;
    (0..to).map(|at| ((centre(at, scale) + 0.5).floor().max(0.0) as usize).min(from - 1)).collect()
}

/// The lower neighbour of each output voxel and the weight of the upper one.
fn linear(from: usize, to: usize) -> Vec<(usize, f64)> {
    let scale = from as f64 / to as f64;
    let tap = |at: usize| {
        let centre = centre(at, scale).clamp(0.0, (from - 1) as f64);
        (centre.floor() as usize, centre - centre.floor())
    };
    (0..to).map(tap).collect()
}

/// The taps of the cubic B-spline in the padded line.
fn cubic(from: usize, to: usize) -> Vec<(usize, [f64; 4])> {
    let scale = from as f64 / to as f64;
    let tap = |at: usize| {
        let centre = centre(at, scale) + PAD as f64;
        let above = centre - centre.floor();
        let below = 1.0 - above;
        let first = below * below * below / 6.0;
        let second = (above * above * (above - 2.0) * 3.0 + 4.0) / 6.0;
        let third = (below * below * (below - 2.0) * 3.0 + 4.0) / 6.0;
        (centre.floor() as usize - 1, [first, second, third, 1.0 - first - second - third])
    };
    (0..to).map(tap).collect()
}

impl Axis {
    pub(super) fn new(from: usize, to: usize, order: u8) -> Result<Self, ResampleError> {
        let taps = match order {
            0 | 1 | 3 if from == to => Taps::Same,
            0 => Taps::Nearest(nearest(from, to)),
            1 => Taps::Linear(linear(from, to)),
            3 => Taps::Cubic(cubic(from, to)),
            _ => return Err(ResampleError::Order { order, values: "images", available: "0, 1 and 3" }),
        };
        Ok(Self { from, to, taps })
    }

    pub(super) fn is_same(&self) -> bool {
        matches!(self.taps, Taps::Same)
    }

    /// Voxels before.
    pub(super) fn from(&self) -> usize {
        self.from
    }

    /// Voxels after.
    pub(super) fn to(&self) -> usize {
        self.to
    }

    /// Computes the output voxels `out` of as many lines as a row has lanes. `load` gives the lines' values at an input
    /// voxel, `store` takes those at an output voxel; `work` is memory for reuse.
    #[inline(always)]
    pub(super) fn resample(
        &self,
        out: Range<usize>,
        work: &mut Vec<Row>,
        load: impl Fn(usize, &mut Row),
        mut store: impl FnMut(usize, &Row),
    ) {
        let mut row = Row::default();
        match &self.taps {
            Taps::Same => out.for_each(|at| {
                load(at, &mut row);
                store(at, &row);
            }),
            Taps::Nearest(taps) => out.for_each(|at| {
                load(taps[at], &mut row);
                store(at, &row);
            }),
            Taps::Linear(taps) => {
                let (mut lower, mut upper) = (Row::default(), Row::default());
                let mut loaded = usize::MAX;
                for at in out {
                    let (first, weight) = taps[at];
                    if loaded != first {
                        load(first, &mut lower);
                        load((first + 1).min(self.from - 1), &mut upper);
                        loaded = first;
                    }
                    for ((value, lower), upper) in row.iter_mut().zip(&lower).zip(&upper) {
                        *value = (1.0 - weight) * lower + weight * upper;
                    }
                    store(at, &row);
                }
            }
            Taps::Cubic(taps) => {
                let padded = self.from + 2 * PAD;
                let (Some(first), Some(last)) = (taps.get(out.start), taps.get(out.end.saturating_sub(1))) else {
                    return;
                };
                let start = first.0.saturating_sub(HALO);
                let end = (last.0 + 4 + HALO).min(padded);
                self.padded(start..end, work, load);
                prefilter(work, start == 0, end == padded);
                for at in out {
                    let (first, [a, b, c, d]) = taps[at];
                    let first = first - start;
                    if let [r, s, t, u] = &work[first..first + 4] {
                        row = std::array::from_fn(|lane| a * r[lane] + b * s[lane] + c * t[lane] + d * u[lane]);
                    }
                    store(at, &row);
                }
            }
        }
    }

    /// Loads a part of the padded lines, multiplied by the filter's gain.
    #[inline(always)]
    fn padded(&self, part: Range<usize>, work: &mut Vec<Row>, load: impl Fn(usize, &mut Row)) {
        work.clear();
        work.resize(part.len(), Row::default());
        let mut before = usize::MAX;
        for index in 0..part.len() {
            let voxel = (part.start + index).saturating_sub(PAD).min(self.from - 1);
            if voxel == before {
                work[index] = work[index - 1];
                continue;
            }
            let row = &mut work[index];
            load(voxel, row);
            row.iter_mut().for_each(|value| *value *= GAIN);
            before = voxel;
        }
    }
}
