//! Resampling of the rows of one slice.

use std::ops::Range;

use ndarray::ArrayView2;

use super::axis::Axis;
use super::filter::{LANES, Row};

/// Memory that one thread reuses from slice to slice.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) work: Vec<Row>,
    /// The slice's rows after the first of its axes, and after both.
    rows: Vec<f64>,
    pub(super) plane: Vec<f64>,
}

/// Resamples a slice along both axes. Leaves the output rows `rows` in `scratch.plane`, row after row.
pub(super) fn resample_plane(slice: &ArrayView2<'_, f32>, axes: [&Axis; 2], rows: Range<usize>, scratch: &mut Scratch) {
    let [height, width] = axes;
    let (from, to) = (width.from(), width.to());
    let Scratch { work, rows: between, plane } = scratch;
    between.resize(rows.len() * from, 0.0);
    for left in (0..from).step_by(LANES) {
        let lanes = LANES.min(from - left);
        let load = |at: usize, row: &mut Row| {
            let line = slice.row(at);
            match line.as_slice() {
                Some(line) => row.iter_mut().zip(&line[left..left + lanes]).for_each(|(to, from)| *to = (*from).into()),
                None => row.iter_mut().take(lanes).enumerate().for_each(|(n, to)| *to = line[left + n].into()),
            }
        };
        height.resample(rows.clone(), work, load, |at, row| {
            let start = (at - rows.start) * from + left;
            between[start..start + lanes].copy_from_slice(&row[..lanes]);
        });
    }
    if width.is_same() {
        std::mem::swap(between, plane);
        return;
    }
    plane.resize(rows.len() * to, 0.0);
    for top in (0..rows.len()).step_by(LANES) {
        let lanes = LANES.min(rows.len() - top);
        let block = &between[top * from..(top + lanes) * from];
        let load = |at: usize, row: &mut Row| {
            row.iter_mut().zip(block.chunks_exact(from)).for_each(|(value, line)| *value = line[at]);
        };
        let lines = &mut plane[top * to..(top + lanes) * to];
        width.resample(0..to, work, load, |at, row| {
            lines.chunks_exact_mut(to).zip(row).for_each(|(line, value)| line[at] = *value);
        });
    }
}
