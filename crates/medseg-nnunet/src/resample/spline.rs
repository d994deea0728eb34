//! scikit-image's `resize(order, mode="edge", anti_aliasing=False)` of a volume, one axis at a time, in f64.

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis as Along, s};
use rayon::prelude::*;

use super::axis::{Axis, nearest};
use super::filter::{LANES, Row};
use super::plane::{Scratch, resample_plane};
use super::{ResampleError, memory};

/// Bytes of the slab that holds some of the output's rows in all slices, in f64. Each slab filters some rows of its
/// neighbours again.
const SLAB: usize = 64 << 20;

/// Bytes of a slab where the rows' number is unchanged, so that none is filtered twice: near a cache's size.
const SMALL_SLAB: usize = 8 << 20;

/// The least and the largest value, which a spline's overshoot is clipped to.
type Limits = (f64, f64);

/// Resamples a volume along all axes; `to` has the new shape.
pub(super) fn resize(
    from: &ArrayView3<'_, f32>,
    order: u8,
    to: &mut ArrayViewMut3<'_, f32>,
) -> Result<(), ResampleError> {
    let axes = axes(from, to, [order; 3])?;
    let limits = all_limits(from);
    if !axes[0].is_same() {
        return slabs(from, &axes, None, Some(limits), to);
    }
    from.axis_iter(Along(0)).into_par_iter().zip(to.axis_iter_mut(Along(0))).for_each_init(
        Scratch::default,
        |scratch, (slice, mut out)| {
            resample_plane(&slice, [&axes[1], &axes[2]], 0..axes[1].to(), scratch);
            store(&scratch.plane, limits, &mut out);
        },
    );
    Ok(())
}

/// Resamples each slice across the axis `along` by itself, and then that axis by `order_z`.
pub(super) fn resize_slices(
    from: &ArrayView3<'_, f32>,
    along: usize,
    orders: (u8, u8),
    to: &mut ArrayViewMut3<'_, f32>,
) -> Result<(), ResampleError> {
    let (order, order_z) = orders;
    let front = match along {
        0 => [0, 1, 2],
        1 => [1, 0, 2],
        _ => [2, 0, 1],
    };
    let from = from.view().permuted_axes(front);
    let mut to = to.view_mut().permuted_axes(front);
    let axes = axes(&from, &to, [order_z, order, order])?;
    if !axes[0].is_same() && order_z != 0 {
        let limits: Vec<Limits> = from.axis_iter(Along(0)).into_par_iter().map(|slice| limits(&slice)).collect();
        return slabs(&from, &axes, Some(&limits), None, &mut to);
    }
    groups(axes[0].from(), to).into_par_iter().for_each_init(Scratch::default, |scratch, (source, mut group)| {
        let slice = from.index_axis(Along(0), source);
        resample_plane(&slice, [&axes[1], &axes[2]], 0..axes[1].to(), scratch);
        let limits = limits(&slice);
        group.axis_iter_mut(Along(0)).for_each(|mut out| store(&scratch.plane, limits, &mut out));
    });
    Ok(())
}

fn axes(from: &ArrayView3<'_, f32>, to: &ArrayViewMut3<'_, f32>, orders: [u8; 3]) -> Result<[Axis; 3], ResampleError> {
    let axis = |n: usize| Axis::new(from.shape()[n], to.shape()[n], orders[n]);
    Ok([axis(0)?, axis(1)?, axis(2)?])
}

/// The output slices that are nearest to each input slice; input slices without any are left out.
fn groups(from: usize, to: ArrayViewMut3<'_, f32>) -> Vec<(usize, ArrayViewMut3<'_, f32>)> {
    let sources = nearest(from, to.shape()[0]);
    let mut rest = to;
    let mut groups = Vec::new();
    for same in sources.chunk_by(|a, b| a == b) {
        let (group, after) = rest.split_at(Along(0), same.len());
        groups.push((same[0], group));
        rest = after;
    }
    groups
}

/// Resamples slab by slab: some output rows of all slices along the last two axes, and then these along the first.
/// `slices` clips each resampled slice, `volume` the result.
fn slabs(
    from: &ArrayView3<'_, f32>,
    axes: &[Axis; 3],
    slices: Option<&[Limits]>,
    volume: Option<Limits>,
    to: &mut ArrayViewMut3<'_, f32>,
) -> Result<(), ResampleError> {
    let [depth, height, width] = axes;
    let row_bytes = depth.from().saturating_mul(width.to()).saturating_mul(size_of::<f64>());
    let bytes = if height.is_same() { SMALL_SLAB } else { SLAB };
    let rows = (bytes / row_bytes.max(1)).clamp(LANES, height.to().max(LANES)).min(height.to());
    let mut slab: Array3<f64> = memory::zeros((rows, depth.from(), width.to()))?;
    for top in (0..height.to()).step_by(rows) {
        let part = top..(top + rows).min(height.to());
        let mut slab = slab.slice_mut(s![..part.len(), .., ..]);
        slab.axis_iter_mut(Along(1)).into_par_iter().zip(from.axis_iter(Along(0))).enumerate().for_each_init(
            Scratch::default,
            |scratch, (at, (mut out, slice))| {
                resample_plane(&slice, [height, width], part.clone(), scratch);
                let clip =
                    |value: f64| slices.and_then(|limits| limits.get(at)).map_or(value, |limits| clip(value, *limits));
                for (mut out, line) in out.rows_mut().into_iter().zip(scratch.plane.chunks_exact(width.to())) {
                    out.iter_mut().zip(line).for_each(|(to, from)| *to = clip(*from));
                }
            },
        );
        let mut to = to.slice_mut(s![.., part, ..]);
        slab.axis_iter(Along(0))
            .into_par_iter()
            .zip(to.axis_iter_mut(Along(1)))
            .for_each_init(Vec::new, |work, (lines, mut out)| across(&lines, depth, volume, work, &mut out));
    }
    Ok(())
}

/// Resamples `[depth, width]` along its first axis.
fn across(
    lines: &ArrayView2<'_, f64>,
    depth: &Axis,
    limits: Option<Limits>,
    work: &mut Vec<Row>,
    to: &mut ArrayViewMut2<'_, f32>,
) {
    let width = lines.ncols();
    for left in (0..width).step_by(LANES) {
        let lanes = LANES.min(width - left);
        let load = |first: usize, rows: &mut [Row]| {
            for (row, line) in rows.iter_mut().zip(lines.outer_iter().skip(first)) {
                match line.to_slice() {
                    Some(line) => match line[left..].first_chunk::<LANES>() {
                        Some(line) => *row = *line,
                        None => row[..lanes].copy_from_slice(&line[left..]),
                    },
                    None => row.iter_mut().take(lanes).enumerate().for_each(|(n, value)| *value = line[left + n]),
                }
            }
        };
        depth.resample(0..depth.to(), work, load, |first, block| {
            let value = |value: f64| limits.map_or(value, |limits| clip(value, limits)) as f32;
            for (mut line, row) in to.outer_iter_mut().skip(first).zip(block) {
                match line.as_slice_mut() {
                    Some(line) => {
                        line[left..left + lanes].iter_mut().zip(row).for_each(|(to, from)| *to = value(*from));
                    }
                    None => row.iter().take(lanes).enumerate().for_each(|(n, from)| line[left + n] = value(*from)),
                }
            }
        });
    }
}

/// Clips a slice and rounds it to f32.
fn store(plane: &[f64], limits: Limits, to: &mut ArrayViewMut2<'_, f32>) {
    let width = to.ncols();
    for (mut to, line) in to.rows_mut().into_iter().zip(plane.chunks_exact(width)) {
        to.iter_mut().zip(line).for_each(|(to, from)| *to = clip(*from, limits) as f32);
    }
}

/// NaN stays NaN.
fn clip(value: f64, (least, largest): Limits) -> f64 {
    if value < least {
        least
    } else if value > largest {
        largest
    } else {
        value
    }
}

fn limits(values: &ArrayView2<'_, f32>) -> Limits {
    /// Values compared side by side.
    const SIDE: usize = 16;
    let smaller = |a: f32, b: f32| if b < a { b } else { a };
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut least = [f32::INFINITY; SIDE];
    let mut largest = [f32::NEG_INFINITY; SIDE];
    for line in values.outer_iter() {
        match line.to_slice() {
            Some(line) => {
                for values in line.chunks(SIDE) {
                    for ((least, largest), value) in least.iter_mut().zip(&mut largest).zip(values) {
                        (*least, *largest) = (smaller(*least, *value), larger(*largest, *value));
                    }
                }
            }
            None => line.iter().for_each(|value| {
                (least[0], largest[0]) = (smaller(least[0], *value), larger(largest[0], *value));
            }),
        }
    }
    let (least, largest) = (least.into_iter().reduce(smaller), largest.into_iter().reduce(larger));
    (least.unwrap_or(f32::INFINITY).into(), largest.unwrap_or(f32::NEG_INFINITY).into())
}

fn all_limits(values: &ArrayView3<'_, f32>) -> Limits {
    let of_slices = values.axis_iter(Along(0)).into_par_iter().map(|slice| limits(&slice));
    of_slices.reduce(|| (f64::INFINITY, f64::NEG_INFINITY), |a, b| (a.0.min(b.0), a.1.max(b.1)))
}
