//! The convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::{Geometry, rows_of_a_task};
use crate::conv::gemm::{BLOCK, gemm};
use crate::conv::sink::Sink;
use crate::isa::Isa;

/// Packs weights `[out_channels, columns]` as [block of channels][column][BLOCK], with zeros where the last block has no channel.
pub(crate) fn packed_weights(weights: &[f32], out_channels: usize) -> Vec<f32> {
    let columns = weights.len() / out_channels;
    let mut packed = vec![0.0; out_channels.next_multiple_of(BLOCK) * columns];
    // No column at all: positions that no tap reaches.
    for (o, weights) in weights.chunks_exact(columns.max(1)).enumerate() {
        for (c, weight) in weights.iter().enumerate() {
            packed[(o / BLOCK * columns + c) * BLOCK + o % BLOCK] = *weight;
        }
    }
    packed
}

/// Convolves `x` `[batch, channels, input]` with weights of [`packed_weights`] over [channel][tap]; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn im2col(isa: Isa, x: &[f32], geometry: &Geometry, weights: &[f32], out: &Sink<'_>) {
    let (out_channels, [depth, height, width]) = (out.channels(), geometry.output);
    let columns = weights.len() / out_channels.next_multiple_of(BLOCK);
    let channels = columns / geometry.taps();
    let voxels: usize = geometry.input.iter().product();
    let batch = x.len() / (channels * voxels).max(1);
    assert_eq!((weights.len() % BLOCK, x.len()), (0, batch * channels * voxels), "weights and input");
    let tasks = tasks([batch, depth * height, width], columns, out_channels.div_ceil(BLOCK));
    tasks.par_iter().for_each_init(Vec::new, |scratch, task| {
        let count = task.rows.len() * width;
        let sample = &x[task.sample * channels * voxels..][..channels * voxels];
        fill_columns(geometry, sample, task.rows.clone(), scratch);
        let columns: Vec<&[f32]> = scratch.chunks_exact(count).collect();
        for block in task.blocks.clone() {
            let weights = &weights[block * columns.len() * BLOCK..][..columns.len() * BLOCK];
            let lanes = BLOCK.min(out_channels - block * BLOCK);
            let at = task.rows.start * width;
            // SAFETY: tasks differ in sample, rows or channels, so no other one writes these voxels.
            let mut outs: Vec<&mut [f32]> =
                (0..lanes).map(|lane| unsafe { out.part(task.sample, block * BLOCK + lane, at, count) }).collect();
            gemm(isa, &columns, weights, &mut outs, count);
        }
    });
}

/// Rows of a sample, counted over all its planes, and blocks of output channels.
#[derive(Clone, Debug)]
struct Task {
    sample: usize,
    rows: Range<usize>,
    blocks: Range<usize>,
}

/// Divides `[batch, rows, width]` of outputs that `columns` copied values each make: as many rows as the cache holds, but
/// enough to fill vectors, since small rows of deep stages would leave them empty. Where that makes few tasks, each is
/// divided by its blocks of channels, and the copies are made again for every part.
fn tasks([batch, rows, width]: [usize; 3], columns: usize, blocks: usize) -> Vec<Task> {
    /// Voxels that three of the widest vectors take.
    const ENOUGH: usize = 48;
    /// Tasks from which every thread has enough of them.
    const MANY: usize = 16;
    let most = rows_of_a_task(columns * width, rows).max(ENOUGH.div_ceil(width)).min(rows);
    let parts = rows.div_ceil(most);
    let at_once = rows.div_ceil(parts);
    let groups = MANY.div_ceil(batch * parts).min(blocks);
    let mut tasks = Vec::new();
    for sample in 0..batch {
        for first in (0..rows).step_by(at_once) {
            for group in 0..groups {
                let blocks = group * blocks / groups..(group + 1) * blocks / groups;
                tasks.push(Task { sample, rows: first..rows.min(first + at_once), blocks });
            }
        }
    }
    tasks
}

/// For every channel of a sample and every tap, the values that these rows of outputs, counted over all planes, read:
/// [channel][tap][row][width].
pub(crate) fn fill_columns(geometry: &Geometry, sample: &[f32], rows: Range<usize>, columns: &mut Vec<f32>) {
    let ([depth, height, width], out_width) = (geometry.input, geometry.output[2]);
    let channels = sample.len() / (depth * height * width);
    let out_height = geometry.output[1];
    columns.resize(channels * geometry.taps() * rows.len() * out_width, 0.0);
    let mut to = columns.chunks_exact_mut(out_width);
    for channel in sample.chunks_exact(depth * height * width) {
        for [tz, ty, tx] in geometry.places() {
            let inside = geometry.inside(tx);
            for (row, to) in rows.clone().zip(to.by_ref()) {
                let (z, y) = (row / out_height, row % out_height);
                let (Some(z), Some(y)) = (geometry.met(0, z, tz), geometry.met(1, y, ty)) else {
                    to.fill(0.0);
                    continue;
                };
                let row = &channel[(z * height + y) * width..][..width];
                copy(geometry, row, tx, inside.clone(), to);
            }
        }
    }
}

/// Copies the values of an input row that a row of outputs meets at a tap; zeros in the padding.
fn copy(geometry: &Geometry, row: &[f32], tap: usize, inside: std::ops::Range<usize>, to: &mut [f32]) {
    to[..inside.start].fill(0.0);
    to[inside.end..].fill(0.0);
    if inside.is_empty() {
        return;
    }
    let stride = geometry.stride[2];
    let from = &row[inside.start * stride + tap - geometry.padding[2]..];
    let to = &mut to[inside];
    match stride {
        1 => to.copy_from_slice(&from[..to.len()]),
        2 => to.iter_mut().zip(from.iter().step_by(2)).for_each(|(to, from)| *to = *from),
        _ => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
    }
}
