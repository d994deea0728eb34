//! Interpolation along the axes, one row of the result at a time.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, Axis, parallel::prelude::*};
use rayon::slice::ParallelSliceMut;

use super::border::cubic_weights;
use super::{BorderMode, Kernel};

/// Each position along a new axis as a weighted sum of positions along the old one.
///
/// A tap of weight 0 points at a voxel that is used anyway, so that no NaN comes from a voxel that does not count.
#[derive(Clone, Debug)]
pub(crate) struct Taps {
    /// Taps of a position.
    count: usize,
    /// Old positions, all first taps first.
    index: Vec<u32>,
    /// Their weights.
    weight: Vec<f32>,
    length: usize,
    identity: bool,
}

impl Taps {
    /// From the taps of every position.
    pub fn new(positions: &[Vec<(usize, f32)>], side: usize) -> Self {
        let length = positions.len();
        let count = positions.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let (mut index, mut weight) = (vec![0; count * length], vec![0.0; count * length]);
        for (i, taps) in positions.iter().enumerate() {
            let any = taps.first().map_or(0, |t| t.0);
            for k in 0..count {
                let (at, w) = taps.get(k).copied().unwrap_or((any, 0.0));
                (index[k * length + i], weight[k * length + i]) = (at as u32, w);
            }
        }
        let identity = length == side
            && positions.iter().enumerate().all(|(i, taps)| taps.len() == 1 && taps[0].0 == i && taps[0].1 == 1.0);
        Self { count, index, weight, length, identity }
    }

    /// Along one axis of `side` voxels, at the positions index · scale + offset.
    pub fn along(scale: f64, offset: f64, length: usize, side: usize, kernel: Kernel, padding: BorderMode) -> Self {
        let positions: Vec<_> =
            (0..length).map(|i| taps_at(snapped(i as f64 * scale + offset), side, kernel, padding)).collect();
        Self::new(&positions, side)
    }

    /// The taps that read the value at a position, with zeros outside.
    pub fn reading(at: f64, side: usize, kernel: Kernel) -> Vec<(usize, f32)> {
        taps_at(at, side, kernel, BorderMode::Zeros)
    }

    /// The first tap of each position; `None` where it has no weight.
    pub fn places(&self) -> Vec<Option<usize>> {
        (0..self.length).map(|i| (self.weight[i] != 0.0).then_some(self.index[i] as usize)).collect()
    }

    /// The taps of one position that count.
    fn at(&self, i: usize) -> impl Iterator<Item = (usize, f32)> {
        (0..self.count)
            .map(move |k| (self.index[k * self.length + i] as usize, self.weight[k * self.length + i]))
            .filter(|(_, weight)| *weight != 0.0)
    }

    fn column(&self, tap: usize) -> (&[u32], &[f32]) {
        let range = tap * self.length..(tap + 1) * self.length;
        (&self.index[range.clone()], &self.weight[range])
    }

    /// Makes a row of the result from one of the source.
    fn apply(&self, row: &[f32], out: &mut [f32]) {
        if self.identity {
            return out.copy_from_slice(row);
        }
        if self.count == 2 {
            let ((i0, w0), (i1, w1)) = (self.column(0), self.column(1));
            let taps = i0.iter().zip(w0).zip(i1.iter().zip(w1));
            for (value, ((i0, w0), (i1, w1))) in out.iter_mut().zip(taps) {
                *value = row[*i0 as usize] * w0 + row[*i1 as usize] * w1;
            }
            return;
        }
        for tap in 0..self.count {
            let (index, weight) = self.column(tap);
            for ((value, i), w) in out.iter_mut().zip(index).zip(weight) {
                let term = row[*i as usize] * w;
                *value = if tap == 0 { term } else { *value + term };
            }
        }
    }
}

/// A position that is a whole number but for rounding becomes one.
pub(crate) fn snapped(at: f64) -> f64 {
    let whole = at.round_ties_even();
    if (at - whole).abs() < 1e-8 { whole } else { at }
}

/// The taps at one position; none where nothing is.
fn taps_at(at: f64, side: usize, kernel: Kernel, padding: BorderMode) -> Vec<(usize, f32)> {
    let last = side as f64 - 1.0;
    if kernel == Kernel::Nearest {
        let at = padding.position(at, side).round_ties_even();
        return if (0.0..=last).contains(&at) { vec![(at as usize, 1.0)] } else { Vec::new() };
    }
    let low = at.floor();
    let fraction = at - low;
    let (first, weights) = match kernel {
        Kernel::Cubic => (low - 1.0, cubic_weights(fraction).to_vec()),
        _ => (low, vec![1.0 - fraction, fraction]),
    };
    let mut taps: Vec<(usize, f64)> = Vec::with_capacity(weights.len());
    for (k, weight) in weights.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0) {
        let at = padding.position(first + k as f64, side);
        if !(0.0..=last).contains(&at) {
            continue;
        }
        match taps.iter_mut().find(|tap| tap.0 == at as usize) {
            Some(tap) => tap.1 += weight,
            None => taps.push((at as usize, weight)),
        }
    }
    taps.into_iter().map(|(index, weight)| (index, weight as f32)).collect()
}

/// Rows that are computed together by one thread at least.
const ROWS: usize = 32;

/// Interpolates along all axes. A row of the result is the weighted sum of a few rows of the source, made first, and then
/// interpolated along itself: only rows that are needed are read, each from where it lies.
pub(crate) fn separable(image: &ArrayView3<'_, f32>, taps: &Dhw<Taps>) -> Array3<f32> {
    let (h, w) = (taps.h.length, taps.w.length);
    let (_, rows, width) = image.dim();
    let mut out = Array3::<f32>::zeros((taps.d.length, h, w));
    let Some(values) = out.as_slice_mut() else { return out };
    if values.is_empty() {
        return out;
    }
    let source = |plane: usize, row: usize| {
        let plane = image.index_axis(Axis(0), plane);
        plane.index_axis_move(Axis(0), row).to_slice().unwrap_or(&[])
    };
    debug_assert!(rows == 0 || image.strides()[2] == 1 || width <= 1);
    values.par_chunks_mut(w).enumerate().with_min_len(ROWS).for_each_init(
        || vec![0.0f32; width],
        |sum, (n, out)| {
            let mut terms = taps.d.at(n / h).flat_map(|(z, wz)| taps.h.at(n % h).map(move |(y, wy)| (z, y, wz * wy)));
            let Some((z, y, weight)) = terms.next() else { return };
            let first = source(z, y);
            let mut rest = terms.peekable();
            if weight == 1.0 && rest.peek().is_none() {
                return taps.w.apply(first, out);
            }
            sum.iter_mut().zip(first).for_each(|(s, v)| *s = weight * v);
            for (z, y, weight) in rest {
                sum.iter_mut().zip(source(z, y)).for_each(|(s, v)| *s += weight * v);
            }
            taps.w.apply(sum, out);
        },
    );
    out
}

/// Takes the voxels at given places along each axis; `outside` where there is no place.
pub(crate) fn take<T: Copy + Send + Sync>(
    volume: &ArrayView3<'_, T>,
    places: &Dhw<Vec<Option<usize>>>,
    outside: T,
) -> Array3<T> {
    let mut out = Array3::from_elem((places.d.len(), places.h.len(), places.w.len()), outside);
    let along: Vec<usize> = places.w.iter().map(|x| x.unwrap_or(usize::MAX)).collect();
    out.axis_iter_mut(Axis(0)).into_par_iter().zip(&places.d).for_each(|(mut plane, z)| {
        let Some(z) = *z else { return };
        let source = volume.index_axis(Axis(0), z);
        for (mut row, y) in plane.outer_iter_mut().zip(&places.h) {
            let Some(y) = *y else { continue };
            let source = source.index_axis(Axis(0), y);
            if let (Some(row), Some(source)) = (row.as_slice_mut(), source.to_slice()) {
                row.iter_mut().zip(&along).for_each(|(value, &x)| *value = source.get(x).copied().unwrap_or(outside));
            } else {
                row.iter_mut().zip(&along).for_each(|(value, &x)| *value = source.get(x).copied().unwrap_or(outside));
            }
        }
    });
    out
}
