//! Resampling of lines along one axis.

use std::array::from_fn;
use std::ops::Range;

use super::ResampleError;
use super::filter::{Row, prefilter};

/// Voxels of the edge value before and after a line, as SciPy has them for mode "nearest".
const PAD: usize = 12;

/// Coefficients beyond those in use, after which the pole's power is below the rounding of f64.
const HALO: usize = 32;

/// Voxels that are handed over at a time: as many f64 as a cache line has.
pub(super) const BLOCK: usize = 8;

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

    /// Computes the output voxels `out` of as many lines as a row has lanes. `load(first, rows)` fills rows with the lines'
    /// values from an input voxel on, `store(first, rows)` takes those from an output voxel on, [`BLOCK`] at most; `work` is
    /// memory for reuse.
    #[inline(always)]
    pub(super) fn resample(
        &self,
        out: Range<usize>,
        work: &mut Vec<Row>,
        load: impl Fn(usize, &mut [Row]),
        mut store: impl FnMut(usize, &[Row]),
    ) {
        if out.is_empty() {
            return;
        }
        let start = self.load(&out, work, &load);
        let mut rows = [Row::default(); BLOCK];
        for first in out.clone().step_by(BLOCK) {
            let block = first..(first + BLOCK).min(out.end);
            let rows = &mut rows[..block.len()];
            match &self.taps {
                Taps::Same => load(first, rows),
                Taps::Nearest(taps) => {
                    rows.chunks_mut(1).zip(&taps[block]).for_each(|(row, source)| load(*source, row))
                }
                Taps::Linear(taps) => {
                    for (row, (lower, weight)) in rows.iter_mut().zip(&taps[block]) {
                        let upper = &work[(lower + 1).min(self.from - 1) - start];
                        let lower = &work[lower - start];
                        *row = from_fn(|lane| (1.0 - weight) * lower[lane] + weight * upper[lane]);
                    }
                }
                Taps::Cubic(taps) => {
                    for (row, (first, [a, b, c, d])) in rows.iter_mut().zip(&taps[block]) {
                        if let [r, s, t, u] = &work[first - start..][..4] {
                            *row = from_fn(|lane| a * r[lane] + b * s[lane] + c * t[lane] + d * u[lane]);
                        }
                    }
                }
            }
            store(first, rows);
        }
    }

    /// Loads what output voxels are sums of: input voxels, or spline coefficients of the padded line. Returns the place of the
    /// first.
    #[inline(always)]
    fn load(&self, out: &Range<usize>, work: &mut Vec<Row>, load: &impl Fn(usize, &mut [Row])) -> usize {
        work.clear();
        match &self.taps {
            Taps::Same | Taps::Nearest(_) => 0,
            Taps::Linear(taps) => {
                let (start, last) = (taps[out.start].0, taps[out.end - 1].0);
                work.resize((last + 1).min(self.from - 1) + 1 - start, Row::default());
                load(start, work);
                start
            }
            Taps::Cubic(taps) => {
                let padded = self.from + 2 * PAD;
                let start = taps[out.start].0.saturating_sub(HALO);
                let end = (taps[out.end - 1].0 + 4 + HALO).min(padded);
                work.resize(end - start, Row::default());
                // The voxels among them; a tap is never further from them than its neighbours.
                let voxels = start.max(PAD)..end.min(PAD + self.from);
                load(voxels.start - PAD, &mut work[voxels.start - start..voxels.end - start]);
                let (first, last) = (work[voxels.start - start], work[voxels.end - 1 - start]);
                work[..voxels.start - start].fill(first);
                work[voxels.end - start..].fill(last);
                prefilter(work, start == 0, end == padded);
                start
            }
        }
    }
}
