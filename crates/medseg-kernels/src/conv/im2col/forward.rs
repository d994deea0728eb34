//! The convolution.

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
    let rows = rows_of_a_task(columns * width, height);
    let tasks: Vec<[usize; 3]> = (0..batch)
        .flat_map(|n| (0..depth).flat_map(move |z| (0..height).step_by(rows).map(move |y| [n, z, y])))
        .collect();
    tasks.par_iter().for_each_init(Vec::new, |scratch, &[n, z, y]| {
        let (rows, count) = (rows.min(height - y), rows.min(height - y) * width);
        let sample = &x[n * channels * voxels..][..channels * voxels];
        fill_columns(geometry, sample, [z, y], rows, scratch);
        let columns: Vec<&[f32]> = scratch.chunks_exact(count).collect();
        for (block, weights) in weights.chunks_exact(columns.len() * BLOCK).enumerate() {
            let lanes = BLOCK.min(out_channels - block * BLOCK);
            let at = (z * height + y) * width;
            // SAFETY: tasks differ in sample, plane or rows, so no other one writes these voxels.
            let mut outs: Vec<&mut [f32]> =
                (0..lanes).map(|lane| unsafe { out.part(n, block * BLOCK + lane, at, count) }).collect();
            gemm(isa, &columns, weights, &mut outs, count);
        }
    });
}

/// For every channel of a sample and every tap, the values that `rows` rows of outputs from `[z, y]` read:
/// [channel][tap][row][width].
pub(crate) fn fill_columns(
    geometry: &Geometry,
    sample: &[f32],
    [z, y]: [usize; 2],
    rows: usize,
    columns: &mut Vec<f32>,
) {
    let ([depth, height, width], out_width) = (geometry.input, geometry.output[2]);
    let channels = sample.len() / (depth * height * width);
    columns.resize(channels * geometry.taps() * rows * out_width, 0.0);
    let mut to = columns.chunks_exact_mut(out_width);
    for channel in sample.chunks_exact(depth * height * width) {
        for [tz, ty, tx] in geometry.places() {
            let (plane, inside) = (geometry.met(0, z, tz), geometry.inside(tx));
            for to in to.by_ref().take(rows).enumerate().map(|(row, to)| (y + row, to)) {
                let (y, to) = to;
                let (Some(z), Some(y)) = (plane, geometry.met(1, y, ty)) else {
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
