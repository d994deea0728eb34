//! The label of each voxel, by the resampled masks of the labels around it.

use ndarray::{ArrayView3, ArrayViewMut3, Axis as Along};
use rayon::prelude::*;

use super::LabelResizeRule;
use super::axis::{centre, nearest};
use super::torch::{Rounding, Tap, nearest_exact, others, taps};

/// A voxel's label by its eight corners: labels and positions in the order of the axes, the last one fastest.
trait Rule: Sync {
    type Tap: Copy + Sync;

    /// The corners' positions along an axis.
    fn ends(tap: Self::Tap) -> [usize; 2];

    /// The label of a voxel whose corners do not all have the same.
    fn choose(&self, corners: &[i16; 8], taps: [Self::Tap; 3]) -> i16;
}

/// Interpolation in f64, with the order of SciPy's sums, so that ties are the same.
pub(super) struct Spline(pub(super) LabelResizeRule);

/// Interpolation in f32, with PyTorch's sums.
pub(super) struct Torch {
    pub(super) memory_efficient: bool,
}

/// The lower and the upper neighbour, the weight of the lower one, and the nearest one of the two: 0 or 1.
type SplineTap = (usize, usize, f64, usize);

/// The labels of the corners in ascending order, each once.
fn distinct(corners: &[i16; 8]) -> ([i16; 8], usize) {
    let mut labels = *corners;
    labels.sort_unstable();
    let mut count = 0;
    for at in 0..labels.len() {
        if count == 0 || labels[at] != labels[count - 1] {
            labels[count] = labels[at];
            count += 1;
        }
    }
    (labels, count)
}

impl Rule for Spline {
    type Tap = SplineTap;

    fn ends((lower, upper, ..): SplineTap) -> [usize; 2] {
        [lower, upper]
    }

    fn choose(&self, corners: &[i16; 8], taps: [SplineTap; 3]) -> i16 {
        let weights = taps.map(|(_, _, below, _)| [below, 1.0 - below]);
        let (labels, count) = distinct(corners);
        let share = |label: i16| {
            let mut sum = 0.0;
            for (at, _) in corners.iter().enumerate().filter(|(_, corner)| **corner == label) {
                sum += weights[0][at >> 2] * weights[1][at >> 1 & 1] * weights[2][at & 1];
            }
            f64::min(sum, 1.0)
        };
        let mut labels = labels.iter().take(count).map(|label| (*label, share(*label)));
        match self.0 {
            LabelResizeRule::AtLeastHalf => labels.rfind(|(_, share)| *share >= 0.5).map_or(0, |(label, _)| label),
            LabelResizeRule::Largest => {
                let largest = labels.clone().fold(0.0, |largest, (_, share)| f64::max(largest, share));
                let [z, y, x] = taps.map(|(.., nearest)| nearest);
                let near = corners[4 * z + 2 * y + x];
                let mut tied = labels.filter(|(_, share)| *share == largest).map(|(label, _)| label);
                if tied.clone().any(|label| label == near) { near } else { tied.next().unwrap_or(near) }
            }
        }
    }
}

impl Rule for Torch {
    type Tap = Tap;

    fn ends(tap: Tap) -> [usize; 2] {
        [tap.lower, tap.upper]
    }

    fn choose(&self, corners: &[i16; 8], taps: [Tap; 3]) -> i16 {
        let (labels, count) = distinct(corners);
        let scale = if self.memory_efficient { 1.0 } else { 1000.0 };
        let share = |label: i16| {
            let value = |at: usize| if corners[at] == label { scale } else { 0.0 };
            let row = |at: usize| taps[2].between(value(at), value(at + 1));
            let plane = |at: usize| taps[1].between(row(at), row(at + 2));
            taps[0].between(plane(0), plane(4))
        };
        let mut labels = labels.iter().take(count).map(|label| (*label, share(*label)));
        if self.memory_efficient {
            return labels.rfind(|(_, share)| *share > 0.5).map_or(0, |(label, _)| label);
        }
        let rounded = labels.map(|(label, share)| (label, half::f16::from_f32(share)));
        let first_largest = |best: (i16, half::f16), next: (i16, half::f16)| if next.1 > best.1 { next } else { best };
        rounded.reduce(first_largest).map_or(0, |(label, _)| label)
    }
}

/// The taps of [`Spline`] along an axis. Beyond the image both neighbours are the edge.
///
/// Ties depend on the last bit of the weights: as in SciPy, the upper one is the rest to 1.
fn spline_taps(from: usize, to: usize) -> Vec<SplineTap> {
    let scale = from as f64 / to as f64;
    let voxel = |at: f64| (at.max(0.0) as usize).min(from - 1);
    let tap = |(at, near): (usize, usize)| {
        let centre = centre(at, scale);
        let (lower, upper) = (voxel(centre.floor()), voxel(centre.floor() + 1.0));
        (lower, upper, 1.0 - (centre - centre.floor()), usize::from(near > lower))
    };
    nearest(from, to).into_iter().enumerate().map(tap).collect()
}

/// Resamples along all axes, or, across the axis `along`, slice by slice and then the nearest slices.
pub(super) fn resize(
    from: &ArrayView3<'_, i16>,
    rule: &Spline,
    order: u8,
    along: Option<usize>,
    to: &mut ArrayViewMut3<'_, i16>,
) {
    let (old, new) = (from.raw_dim(), to.raw_dim());
    let at_nearest = |axis: usize| nearest(old[axis], new[axis]).into_iter().map(|near| (near, near, 1.0, 0)).collect();
    let of = |axis: usize| {
        if order == 0 || along == Some(axis) { at_nearest(axis) } else { spline_taps(old[axis], new[axis]) }
    };
    apply(from, rule, [of(0), of(1), of(2)], to);
}

/// As [`resize`] by PyTorch's rules.
pub(super) fn resize_torch(
    from: &ArrayView3<'_, i16>,
    rule: &Torch,
    along: Option<usize>,
    to: &mut ArrayViewMut3<'_, i16>,
) {
    let (old, new) = (from.raw_dim(), to.raw_dim());
    let rounding = along.map_or(Rounding::Twice, |along| {
        let [rows, columns] = others(along);
        Rounding::of_slices(new[rows], new[columns])
    });
    let near = |at: usize| Tap { lower: at, upper: at, weight: 0.0 };
    let of = |axis: usize| match along {
        Some(along) if !others(along).contains(&axis) => {
            nearest_exact(old[axis], new[axis]).into_iter().map(near).collect()
        }
        _ => taps(old[axis], new[axis], rounding),
    };
    apply(from, rule, [of(0), of(1), of(2)], to);
}

fn apply<R: Rule>(from: &ArrayView3<'_, i16>, rule: &R, taps: [Vec<R::Tap>; 3], to: &mut ArrayViewMut3<'_, i16>) {
    let [depth, height, width] = &taps;
    to.axis_iter_mut(Along(0)).into_par_iter().zip(depth).for_each(|(mut plane, z)| {
        let slices = R::ends(*z).map(|at| from.index_axis(Along(0), at));
        for (mut line, y) in plane.rows_mut().into_iter().zip(height) {
            let [a, b] = R::ends(*y);
            let rows = [slices[0].row(a), slices[0].row(b), slices[1].row(a), slices[1].row(b)];
            for (voxel, x) in line.iter_mut().zip(width) {
                let ends = R::ends(*x);
                let corners: [i16; 8] = std::array::from_fn(|at| rows[at >> 1][ends[at & 1]]);
                let same = corners.iter().all(|label| *label == corners[0]);
                *voxel = if same { corners[0] } else { rule.choose(&corners, [*z, *y, *x]) };
            }
        }
    });
}
