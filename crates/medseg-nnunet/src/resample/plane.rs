//! Resampling of the rows of one slice.

use std::ops::Range;

use ndarray::ArrayView2;

use super::axis::{Axis, BLOCK};
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
        let load = |first: usize, rows: &mut [Row]| {
            for (row, line) in rows.iter_mut().zip(slice.outer_iter().skip(first)) {
                match line.to_slice() {
                    Some(line) => {
                        row.iter_mut().zip(&line[left..left + lanes]).for_each(|(to, from)| *to = (*from).into());
                    }
                    None => row.iter_mut().take(lanes).enumerate().for_each(|(n, to)| *to = line[left + n].into()),
                }
            }
        };
        height.resample(rows.clone(), work, load, |first, block| {
            let lines = between[(first - rows.start) * from..].chunks_mut(from);
            lines.zip(block).for_each(|(line, row)| match line[left..].first_chunk_mut::<LANES>() {
                Some(line) => *line = *row,
                None => line[left..].copy_from_slice(&row[..lanes]),
            });
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
        // A cache line of each line at a time: lines of a power of two lie in the same places of the cache.
        let load = |first: usize, rows: &mut [Row]| {
            for (tile, rows) in rows.chunks_mut(BLOCK).enumerate() {
                let first = first + tile * BLOCK;
                for (lane, line) in block.chunks_exact(from).enumerate() {
                    let values = &line[first..first + rows.len()];
                    rows.iter_mut().zip(values).for_each(|(row, value)| row[lane] = *value);
                }
            }
        };
        let lines = &mut plane[top * to..(top + lanes) * to];
        width.resample(0..to, work, load, |first, block| {
            for (lane, line) in lines.chunks_exact_mut(to).enumerate() {
                let values = &mut line[first..first + block.len()];
                values.iter_mut().zip(block).for_each(|(value, row)| *value = row[lane]);
            }
        });
    }
}
