//! The gradient of the weights.

use rayon::prelude::*;

use super::forward::fill_columns;
use super::geometry::{Geometry, rows_of_a_task};
use crate::conv::dots::add_dots;
use crate::isa::Isa;

/// Most parts that the rows are summed in.
const MOST_PARTS: usize = 16;
/// With fewer parts than this the threads work on each task together.
const FEW_PARTS: usize = 8;

/// Gradient of the weights `[out_channels, in_channels, kernel]`, from the input `[batch, in_channels, input shape]` and its output's
/// gradient `[batch, out_channels, output shape]`. Sums over a few rows are in f32, over them in f64.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn im2col_weight_grad(
    isa: Isa,
    x: &[f32],
    grad: &[f32],
    geometry: &Geometry,
    in_channels: usize,
    out_channels: usize,
) -> Vec<f32> {
    let ([depth, height, width], columns) = (geometry.output, in_channels * geometry.taps());
    let (voxels, out_voxels) = (geometry.input.iter().product::<usize>(), depth * height * width);
    let batch = x.len() / (in_channels * voxels);
    assert_eq!((x.len(), grad.len()), (batch * in_channels * voxels, batch * out_channels * out_voxels), "values");
    let rows = rows_of_a_task(columns * width, height);
    let tasks: Vec<[usize; 3]> = (0..batch)
        .flat_map(|n| (0..depth).flat_map(move |z| (0..height).step_by(rows).map(move |y| [n, z, y])))
        .collect();
    let sum = |tasks: &[[usize; 3]], together: bool| {
        let (mut sums, mut scratch) = (vec![0.0f64; out_channels * columns], Vec::new());
        for &[n, z, y] in tasks {
            let (rows, count) = (rows.min(height - y), rows.min(height - y) * width);
            let (sample, first) = (&x[n * in_channels * voxels..][..in_channels * voxels], z * height + y);
            fill_columns(geometry, sample, first..first + rows, &mut scratch);
            let columns: Vec<&[f32]> = scratch.chunks_exact(count).collect();
            let at = |o: usize| (n * out_channels + o) * out_voxels + (z * height + y) * width;
            let grads: Vec<&[f32]> = (0..out_channels).map(|o| &grad[at(o)..][..count]).collect();
            add_dots(isa, &columns, &grads, &mut sums, together);
        }
        sums
    };
    let parts = MOST_PARTS.min(tasks.len());
    let sums = if parts < FEW_PARTS {
        sum(&tasks, true)
    } else {
        let of = |part: usize| &tasks[part * tasks.len() / parts..(part + 1) * tasks.len() / parts];
        let sums: Vec<_> = (0..parts).into_par_iter().map(|part| sum(of(part), false)).collect();
        let add = |mut total: Vec<f64>, part: Vec<f64>| {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            total
        };
        sums.into_iter().reduce(add).expect("a part")
    };
    sums.into_iter().map(|sum| sum as f32).collect()
}
