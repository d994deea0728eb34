//! PyTorch's linear interpolation with `align_corners=False`, in f32.
//!
//! Positions are rounded as in PyTorch 2.15 on a CPU with four threads, as many as nnU-Net gives it.

use ndarray::{ArrayView2, ArrayView3, ArrayViewMut3, Axis as Along};
use rayon::prelude::*;

/// Output slices that one thread computes in a row, so that it resamples most input slices once.
const SLICES: usize = 8;

/// The lower neighbour of an output voxel, the upper one, and the weight of the upper one.
#[derive(Clone, Copy)]
pub(super) struct Tap {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) weight: f32,
}

impl Tap {
    pub(super) fn between(self, lower: f32, upper: f32) -> f32 {
        (1.0 - self.weight) * lower + self.weight * upper
    }
}

/// The rounding of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// The product, and then the difference.
    Twice,
    /// The difference of the exact product.
    Once,
}

impl Rounding {
    /// The rounding in slices of this new height and width: PyTorch has a kernel of its own for small ones.
    pub(crate) fn of_slices(height: usize, width: usize) -> Self {
        /// Largest sum of height and width for that kernel; found by trial.
        const SMALL: usize = 128;
        if height + width <= SMALL { Self::Once } else { Self::Twice }
    }

    /// The position of a new voxel among the old ones.
    pub(crate) fn centre(self, scale: f32, at: usize) -> f32 {
        let middle = at as f32 + 0.5;
        let centre = match self {
            Self::Twice => scale * middle - 0.5,
            Self::Once => scale.mul_add(middle, -0.5),
        };
        centre.max(0.0)
    }
}

/// The taps along an axis.
pub(super) fn taps(from: usize, to: usize, rounding: Rounding) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    let tap = |at: usize| {
        let centre = rounding.centre(scale, at);
        let lower = (centre.floor() as usize).min(from - 1);
        let weight = (centre - lower as f32).clamp(0.0, 1.0);
        Tap { lower, upper: (lower + 1).min(from - 1), weight }
    };
    (0..to).map(tap).collect()
}

/// The nearest input voxels by PyTorch's mode "nearest-exact".
pub(super) fn nearest_exact(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|at| (((at as f32 + 0.5) * scale).floor() as usize).min(from - 1)).collect()
}

/// Resamples a volume along all axes; `to` has the new shape.
pub(super) fn trilinear(from: &ArrayView3<'_, f32>, to: &mut ArrayViewMut3<'_, f32>) {
    let [depth, height, width] = std::array::from_fn(|n| taps(from.shape()[n], to.shape()[n], Rounding::Twice));
    to.axis_chunks_iter_mut(Along(0), SLICES).into_par_iter().enumerate().for_each(|(chunk, mut out)| {
        let mut lower = Plane::default();
        let mut upper = Plane::default();
        for (mut out, tap) in out.axis_iter_mut(Along(0)).zip(&depth[chunk * SLICES..]) {
            if lower.of != Some(tap.lower) {
                std::mem::swap(&mut lower, &mut upper);
            }
            lower.fill(from, tap.lower, &height, &width);
            upper.fill(from, tap.upper, &height, &width);
            let (mut lower, mut upper) = (lower.values.iter(), upper.values.iter());
            out.iter_mut().for_each(|to| {
                if let (Some(lower), Some(upper)) = (lower.next(), upper.next()) {
                    *to = tap.between(*lower, *upper);
                }
            });
        }
    });
}

/// Resamples each slice across the axis `along` by itself, and then takes the nearest ones along it.
pub(super) fn bilinear_slices(from: &ArrayView3<'_, f32>, along: usize, to: &mut ArrayViewMut3<'_, f32>) {
    let [rows, columns] = others(along);
    let rounding = Rounding::of_slices(to.shape()[rows], to.shape()[columns]);
    let height = taps(from.shape()[rows], to.shape()[rows], rounding);
    let width = taps(from.shape()[columns], to.shape()[columns], rounding);
    let sources = nearest_exact(from.shape()[along], to.shape()[along]);
    let front = [along, rows, columns];
    let from = from.view().permuted_axes(front);
    let mut to = to.view_mut().permuted_axes(front);
    to.axis_iter_mut(Along(0)).into_par_iter().zip(&sources).for_each(|(mut out, source)| {
        let mut plane = Plane::default();
        plane.fill(&from, *source, &height, &width);
        out.iter_mut().zip(&plane.values).for_each(|(to, from)| *to = *from);
    });
}

/// The two other axes.
pub(super) fn others(along: usize) -> [usize; 2] {
    match along {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    }
}

/// A slice, resampled along both of its axes.
#[derive(Default)]
struct Plane {
    of: Option<usize>,
    values: Vec<f32>,
    rows: [Row; 2],
}

impl Plane {
    fn fill(&mut self, from: &ArrayView3<'_, f32>, at: usize, height: &[Tap], width: &[Tap]) {
        if self.of == Some(at) {
            return;
        }
        self.of = Some(at);
        let slice = from.index_axis(Along(0), at);
        self.values.clear();
        let [lower, upper] = &mut self.rows;
        (lower.of, upper.of) = (None, None);
        for tap in height {
            if lower.of != Some(tap.lower) {
                std::mem::swap(lower, upper);
            }
            lower.fill(&slice, tap.lower, width);
            upper.fill(&slice, tap.upper, width);
            let pairs = lower.values.iter().zip(&upper.values);
            self.values.extend(pairs.map(|(lower, upper)| tap.between(*lower, *upper)));
        }
    }
}

/// A row of a slice, resampled along its length.
#[derive(Default)]
struct Row {
    of: Option<usize>,
    values: Vec<f32>,
}

impl Row {
    fn fill(&mut self, slice: &ArrayView2<'_, f32>, at: usize, width: &[Tap]) {
        if self.of == Some(at) {
            return;
        }
        self.of = Some(at);
        let line = slice.row(at);
        self.values.clear();
        self.values.extend(width.iter().map(|tap| tap.between(line[tap.lower], line[tap.upper])));
    }
}
