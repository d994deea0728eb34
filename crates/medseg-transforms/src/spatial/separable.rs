//! Interpolation along the axes, one row of the result at a time.

use std::ops::Range;

use medseg_kernels::memory::prefer_large_pages;
use medseg_kernels::rows::{RowTaps, weighted_sum};
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, Axis, parallel::prelude::*};
use rayon::slice::ParallelSliceMut;

use super::border::cubic_weights;
use super::{BorderMode, Kernel};

/// Each position along a new axis as a weighted sum of positions along the old one.
#[derive(Clone, Debug)]
pub(crate) struct Taps(RowTaps);

impl Taps {
    /// From the taps of every position.
    pub fn new(positions: &[Vec<(usize, f32)>], length: usize) -> Self {
        Self(RowTaps::new(positions, length))
    }

    /// Along one axis of `old` voxels, at the positions index · scale + offset.
    pub fn along(scale: f64, offset: f64, new: usize, old: usize, kernel: Kernel, padding: BorderMode) -> Self {
        let positions: Vec<_> =
            (0..new).map(|i| taps_at(snapped(i as f64 * scale + offset), old, kernel, padding)).collect();
        Self::new(&positions, old)
    }

    /// The taps that read the value at a position, with zeros outside.
    pub fn reading(at: f64, length: usize, kernel: Kernel) -> Vec<(usize, f32)> {
        taps_at(at, length, kernel, BorderMode::Zeros)
    }

    /// The first tap of each position; `None` where none has a weight.
    pub fn places(&self) -> Vec<Option<usize>> {
        (0..self.0.len()).map(|i| self.0.at(i).next().map(|(at, _)| at)).collect()
    }
}

/// A position that is a whole number but for rounding becomes one.
pub(crate) fn snapped(at: f64) -> f64 {
    let whole = at.round_ties_even();
    if (at - whole).abs() < 1e-8 { whole } else { at }
}

/// The taps at one position; none where nothing is.
fn taps_at(at: f64, length: usize, kernel: Kernel, padding: BorderMode) -> Vec<(usize, f32)> {
    let last = length as f64 - 1.0;
    if kernel == Kernel::Nearest {
        let at = padding.position(at, length).round_ties_even();
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
        let at = padding.position(first + k as f64, length);
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

/// Planes of the result that a thread makes in turn: what they share of the source is read once.
const PLANES: usize = 16;

/// Rows that are computed together by one thread at least.
const ROWS: usize = 32;

/// Interpolates along all axes. Rows of the source are added up along the height and resampled along themselves first, and
/// such lines of several planes are then added up to a row of the result: each row that is needed is read about once.
pub(crate) fn separable(image: &ArrayView3<'_, f32>, taps: &Dhw<Taps>) -> Array3<f32> {
    let (d, h, w) = (taps.d.0.len(), taps.h.0.len(), taps.w.0.len());
    let mut out = Array3::<f32>::zeros((d, h, w));
    let Some(values) = out.as_slice_mut().filter(|values| !values.is_empty() && !image.is_empty()) else { return out };
    prefer_large_pages(values);
    let planes = (d / (4 * rayon::current_num_threads())).clamp(1, PLANES);
    // Rows of a plane are shared out only where there are few planes.
    let rows = if planes == 1 { ROWS.min(h) } else { h };
    let sweep = Sweep::new(image, taps);
    let blocks = values.par_chunks_mut(planes * h * w).enumerate().flat_map(|(block, out)| {
        let parts = out.par_chunks_mut(if planes == 1 { rows * w } else { planes * h * w }).enumerate();
        parts.map(move |(part, out)| (block * planes, part * rows, out))
    });
    blocks.for_each_init(|| sweep.lines(), |lines, (plane, row, out)| sweep.block(plane, row, lines, out));
    out
}

/// Rows of the result, made in the order of their planes, so that those share lines.
struct Sweep<'a> {
    image: &'a ArrayView3<'a, f32>,
    taps: &'a Dhw<Taps>,
    /// Lines that are held: those of one row of the result lie in different places.
    places: usize,
}

/// Memory of a thread.
struct Lines {
    /// Rows added up along the height.
    sum: Vec<f32>,
    /// Such sums, resampled along the width; plane `z` of the source has place z mod [`Sweep::places`].
    lines: Vec<f32>,
}

/// A line that a plane of the result is the first to need.
#[derive(Clone, Copy)]
struct Fill {
    plane: usize,
    source: usize,
}

impl<'a> Sweep<'a> {
    fn new(image: &'a ArrayView3<'a, f32>, taps: &'a Dhw<Taps>) -> Self {
        let depth = image.dim().0;
        let fits = |places: &usize| {
            (0..taps.d.0.len()).all(|plane| {
                let places = taps.d.0.at(plane).map(|(z, _)| z % places).collect::<Vec<_>>();
                places.iter().enumerate().all(|(n, place)| !places[..n].contains(place))
            })
        };
        // Taps that are neighbours, as nearly always, need no more places than there are taps.
        let places = (taps.d.0.count()..depth).find(fits).unwrap_or(depth);
        Self { image, taps, places }
    }

    fn lines(&self) -> Lines {
        Lines { sum: vec![0.0; self.image.dim().2], lines: vec![0.0; self.places * self.taps.w.0.len()] }
    }

    /// Makes consecutive rows of the result from row `top` on, of as many planes from `plane` on as `out` holds.
    fn block(&self, plane: usize, top: usize, memory: &mut Lines, out: &mut [f32]) {
        let (h, w) = (self.taps.h.0.len(), self.taps.w.0.len());
        let rows = (out.len() / w).min(h - top);
        let planes = plane..plane + out.len() / (rows * w);
        let fills = self.fills(planes.clone());
        for y in top..top + rows {
            let mut at = 0;
            for z in planes.clone() {
                while let Some(fill) = fills.get(at).filter(|fill| fill.plane == z) {
                    at += 1;
                    // The line that follows; after the last plane the first one's of the next row.
                    let next = match fills.get(at) {
                        Some(next) => Some((next.source, y)),
                        None => fills.first().map(|first| (first.source, y + 1)).filter(|_| y + 1 < h),
                    };
                    self.line(fill.source, y, next, memory);
                }
                let row = ((z - plane) * rows + y - top) * w;
                let lines = self.taps.d.0.at(z).map(|(z, weight)| (weight, &memory.lines[z % self.places * w..][..w]));
                weighted_sum(lines, [], &mut out[row..row + w]);
            }
        }
    }

    /// The lines that planes need, in order.
    fn fills(&self, planes: Range<usize>) -> Vec<Fill> {
        let mut held = vec![None; self.places];
        let mut fills = Vec::new();
        for plane in planes {
            for (source, _) in self.taps.d.0.at(plane) {
                if held[source % self.places] != Some(source) {
                    held[source % self.places] = Some(source);
                    fills.push(Fill { plane, source });
                }
            }
        }
        fills
    }

    /// Makes the line of plane `z` of the source for row `y` of the result.
    fn line(&self, z: usize, y: usize, next: Option<(usize, usize)>, memory: &mut Lines) {
        let Dhw { h, w, .. } = self.taps;
        let place = z % self.places * w.0.len();
        let line = &mut memory.lines[place..place + w.0.len()];
        let terms = h.0.at(y).map(|(row, weight)| (weight, self.row(z, row)));
        let next = next.into_iter().flat_map(|(z, y)| h.0.at(y).map(move |(row, _)| self.row(z, row)));
        if w.0.is_identity() {
            return weighted_sum(terms, next, line);
        }
        weighted_sum(terms, next, &mut memory.sum);
        w.0.apply(&memory.sum, line);
    }

    fn row(&self, z: usize, y: usize) -> &'a [f32] {
        self.image.index_axis(Axis(0), z).index_axis_move(Axis(0), y).to_slice().unwrap_or(&[])
    }
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
