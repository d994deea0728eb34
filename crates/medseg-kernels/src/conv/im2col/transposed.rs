//! The transposed convolution, which is the gradient of a convolution's input.

use rayon::prelude::*;

use super::forward::packed_weights;
use super::geometry::{Geometry, rows_of_a_task};
use crate::conv::gemm::{BLOCK, gemm};
use crate::conv::sink::Sink;
use crate::isa::Isa;

/// Spreads `x` `[batch, from, output]` over the convolution's input positions with weights `[from, to, kernel]`; writes
/// all of `out` `[batch, to, input]`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn transposed(isa: Isa, x: &[f32], geometry: &Geometry, weights: &[f32], out: &Sink<'_>) {
    let out_channels = out.channels();
    let in_channels = weights.len() / (out_channels * geometry.taps());
    let voxels: usize = geometry.output.iter().product();
    let batch = x.len() / (in_channels * voxels);
    assert_eq!(
        (weights.len(), x.len()),
        (in_channels * out_channels * geometry.taps(), batch * in_channels * voxels),
        "weights and input"
    );
    let work = Work {
        isa,
        x,
        geometry,
        in_channels,
        out_channels,
        out,
        phases: phases(geometry, weights, out_channels, in_channels),
    };
    work.tasks(batch).par_iter().for_each_init(Default::default, |buffers, task| work.run(*task, buffers));
}

/// The positions along an axis with one remainder by the stride.
#[derive(Clone, Debug)]
struct Phase {
    /// The first of them.
    first: usize,
    /// The taps they meet, and where: position `first + j · stride` meets output `j + offset`.
    taps: Vec<(usize, isize)>,
}

impl Phase {
    fn all(geometry: &Geometry, axis: usize) -> Vec<Self> {
        let (stride, padding) = (geometry.stride[axis], geometry.padding[axis]);
        let of = |first: usize| {
            let met = (0..geometry.kernel[axis]).filter(|tap| (first + padding) % stride == tap % stride);
            // Exact: the difference is a multiple of the stride.
            let taps = met.map(|tap| (tap, ((first + padding) as isize - tap as isize) / stride as isize)).collect();
            Self { first, taps }
        };
        (0..stride.min(geometry.input[axis])).map(of).collect()
    }
}

/// The phases along depth and height, and for each pair those along the width with their weights.
struct Phases {
    planes: Vec<Phase>,
    rows: Vec<Phase>,
    columns: Vec<Phase>,
    /// Packed weights of [plane phase][row phase][column phase].
    weights: Vec<Vec<f32>>,
}

impl Phases {
    fn weights(&self, plane: usize, row: usize, column: usize) -> &[f32] {
        &self.weights[(plane * self.rows.len() + row) * self.columns.len() + column]
    }
}

fn phases(geometry: &Geometry, weights: &[f32], out_channels: usize, in_channels: usize) -> Phases {
    let [planes, rows, columns] = [0, 1, 2].map(|axis| Phase::all(geometry, axis));
    let [_, height, width] = geometry.kernel;
    let mut packed = Vec::new();
    for (z, y, x) in planes
        .iter()
        .flat_map(|z| rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x))).map(move |(y, x)| (z, y, x)))
    {
        let mut of_phase = Vec::new();
        for m in 0..out_channels {
            for r in 0..in_channels {
                let of_pair = &weights[(r * out_channels + m) * geometry.taps()..][..geometry.taps()];
                for ((tz, _), (ty, _)) in z.taps.iter().flat_map(|z| y.taps.iter().map(move |y| (z, y))) {
                    of_phase.extend(x.taps.iter().map(|(tx, _)| of_pair[(tz * height + ty) * width + tx]));
                }
            }
        }
        packed.push(packed_weights(&of_phase, out_channels));
    }
    Phases { planes, rows, columns, weights: packed }
}

struct Work<'a> {
    isa: Isa,
    x: &'a [f32],
    geometry: &'a Geometry,
    in_channels: usize,
    out_channels: usize,
    out: &'a Sink<'a>,
    phases: Phases,
}

/// Rows of one phase of one plane: sample, plane, phase of the rows, first and last row counted within the phase.
#[derive(Clone, Copy, Debug)]
struct Task {
    sample: usize,
    plane: usize,
    phase: usize,
    first: usize,
    rows: usize,
}

impl Work<'_> {
    fn tasks(&self, batch: usize) -> Vec<Task> {
        let [depth, height, width] = self.geometry.input;
        let at_once = rows_of_a_task(self.in_channels * self.geometry.taps() * width, height);
        let mut tasks = Vec::new();
        for (sample, plane) in (0..batch).flat_map(|n| (0..depth).map(move |z| (n, z))) {
            for (phase, of) in self.phases.rows.iter().enumerate() {
                let rows = (height - of.first).div_ceil(self.geometry.stride[1]);
                for first in (0..rows).step_by(at_once) {
                    tasks.push(Task { sample, plane, phase, first, rows: at_once.min(rows - first) });
                }
            }
        }
        tasks
    }

    fn run(&self, task: Task, (columns, tile): &mut (Vec<f32>, Vec<f32>)) {
        let stride = self.geometry.stride;
        let plane_phase = task.plane % stride[0];
        for (n, phase) in self.phases.columns.iter().enumerate() {
            let width = (self.geometry.input[2] - phase.first).div_ceil(stride[2]);
            let count = task.rows * width;
            self.fill_columns(task, plane_phase, phase, width, columns);
            let rows: Vec<&[f32]> = columns.chunks_exact(count).collect();
            let weights = self.phases.weights(plane_phase, task.phase, n);
            tile.resize(BLOCK * count, 0.0);
            for block in 0..self.out_channels.div_ceil(BLOCK) {
                let weights = &weights[block * rows.len() * BLOCK..][..rows.len() * BLOCK];
                let lanes = BLOCK.min(self.out_channels - block * BLOCK);
                let mut outs: Vec<&mut [f32]> = tile.chunks_exact_mut(count).take(lanes).collect();
                gemm(self.isa, &rows, weights, &mut outs, count);
                for (lane, values) in outs.iter().enumerate() {
                    self.spread(task, phase, width, block * BLOCK + lane, values);
                }
            }
        }
    }

    /// For every channel in_channels and every tap that meets these positions, the values met: [channel][tap][row][width].
    fn fill_columns(&self, task: Task, plane_phase: usize, phase: &Phase, width: usize, columns: &mut Vec<f32>) {
        let ([depth, height, out_width], stride) = (self.geometry.output, self.geometry.stride);
        let voxels = depth * height * out_width;
        columns.clear();
        for channel in
            self.x[task.sample * self.in_channels * voxels..][..self.in_channels * voxels].chunks_exact(voxels)
        {
            for (_, dz) in &self.phases.planes[plane_phase].taps {
                let z = (task.plane / stride[0]) as isize + dz;
                for (_, dy) in &self.phases.rows[task.phase].taps {
                    for (_, dx) in &phase.taps {
                        for y in (task.first..task.first + task.rows).map(|row| row as isize + dy) {
                            let inside = (0..depth as isize).contains(&z) && (0..height as isize).contains(&y);
                            let row = if inside {
                                &channel[(z as usize * height + y as usize) * out_width..][..out_width]
                            } else {
                                &[]
                            };
                            extend_shifted(columns, row, *dx, width);
                        }
                    }
                }
            }
        }
    }

    /// Writes the rows of one channel to their places, `stride` apart.
    fn spread(&self, task: Task, phase: &Phase, width: usize, channel: usize, values: &[f32]) {
        let ([_, height, out_width], stride) = (self.geometry.input, self.geometry.stride);
        for (row, values) in values.chunks_exact(width).enumerate() {
            let y = self.phases.rows[task.phase].first + (task.first + row) * stride[1];
            let at = (task.plane * height + y) * out_width;
            // SAFETY: tasks differ in sample, plane or row, so no other one writes this row.
            let to = unsafe { self.out.part(task.sample, channel, at, out_width) };
            to[phase.first..].iter_mut().step_by(stride[2]).zip(values).for_each(|(to, value)| *to = *value);
        }
    }
}

/// Appends `width` values of a row from `offset`, zeros where there are none.
fn extend_shifted(to: &mut Vec<f32>, row: &[f32], offset: isize, width: usize) {
    let before = (-offset).clamp(0, width as isize) as usize;
    let from = offset.clamp(0, row.len() as isize) as usize;
    let count = (row.len() - from).min(width - before);
    to.resize(to.len() + before, 0.0);
    to.extend_from_slice(&row[from..from + count]);
    to.resize(to.len() + width - before - count, 0.0);
}
