//! The convolution, and with weights of the other pass the gradient of its input.

use std::ops::Range;

use rayon::prelude::*;

use super::input::Packed;
use super::rows::Scratch;
use super::tiles::{Operands, SIDE, Sums, TAPS, TOGETHER, Tiles};
use super::weights::{Block, Weights};
use crate::conv::direct::Geometry;
use crate::conv::shared::SharedSlice;
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::isa::vectorised;
use crate::memory::Aligned;

/// Values of packed planes that a task holds: with the weights they stay in the second-level cache.
const CACHED: usize = 1 << 18;
/// Values of a sample that is packed whole, at most, if its weights are many.
const SMALL: usize = 4 << 20;
/// Bytes of weights that are many: reading them for every plane would take longer than multiplying.
const MANY: usize = 1 << 19;
/// Positions of rows that are computed before they are written.
const GROUP: usize = 128;
/// Rows that are computed before they are written, at most.
const ROWS: usize = 4;
/// Tasks a thread, so that none waits long for the last one.
const TASKS: usize = 4;

/// True if tiles can make a convolution: stride 1, one or three taps along the width, padding that a vector holds.
pub(crate) fn suits(kernel: [usize; 3], stride: [usize; 3], padding: [usize; 3]) -> bool {
    stride == [1; 3] && matches!(kernel[2], 1 | TAPS) && padding[2] <= SIDE
}

/// Convolves; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree, or the convolution does not [suit](suits).
pub(crate) fn convolve(x: &Source<'_>, geometry: &Geometry, weights: &Weights, out: &Sink<'_>) {
    let steps = weights.steps();
    assert!(suits(geometry.kernel, geometry.stride, geometry.padding), "{geometry:?}");
    assert_eq!(geometry.kernel, steps.kernel(), "kernel");
    assert_eq!(weights.channels(), [out.channels(), x.channels()], "channels written and read");
    assert_eq!(x.shape(), geometry.input, "shape of the input");
    assert_eq!(out.voxels(), geometry.output.iter().product::<usize>(), "voxels of the output");
    let packed = Packed::new(*geometry, steps.words(), geometry.input[1] + 2 * geometry.padding[1]);
    let work = Work { x, weights, out };
    let planes = geometry.input[0] + 2 * geometry.padding[0];
    if weights.bytes() >= MANY && planes * packed.plane() <= SMALL {
        (0..x.batch()).for_each(|sample| work.whole(packed, planes, sample));
    } else {
        work.by_rows(packed);
    }
}

struct Work<'a> {
    x: &'a Source<'a>,
    weights: &'a Weights,
    out: &'a Sink<'a>,
}

/// Packed planes, of which plane `z` is in place `z % places`.
struct Planes<'a> {
    packed: Packed,
    values: &'a [f32],
    places: usize,
}

/// The outputs of a thread.
struct Rows {
    /// Rows that are computed before they are written.
    count: usize,
    /// Values of a row of sums: whole tiles of the input's positions, and zeros as far as the padding may reach.
    len: usize,
    /// Tiles of positions of a row.
    in_row: usize,
    /// Sums `[tap][channel][row][position]`.
    sums: Aligned,
    /// Rows of a channel.
    out: Vec<f32>,
}

impl Rows {
    fn new(geometry: &Geometry) -> Self {
        let width = geometry.output[2];
        let count = (GROUP / width).clamp(1, ROWS);
        let in_row = geometry.input[2].div_ceil(SIDE);
        let len = (in_row + 2) * SIDE;
        let sums = Aligned::zeros(geometry.kernel[2] * SIDE * count * len);
        Self { count, len, in_row, sums, out: vec![0.0; count * width] }
    }

    /// Calls of the instructions that make so many rows of a block.
    fn turns(&self, rows: usize) -> usize {
        let of = |rows: usize| (rows * self.in_row).div_ceil(TOGETHER);
        rows / self.count * of(self.count) + of(rows % self.count)
    }
}

impl Work<'_> {
    /// Packs a sample whole, then shares out the planes of each block of channels.
    fn whole(&self, packed: Packed, planes: usize, sample: usize) {
        let mut values = Aligned::new(planes * packed.plane());
        let to = SharedSlice::new(&mut values);
        let parts = packed.words.div_ceil(SIDE);
        (0..planes * parts).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            let (z, first) = (task / parts, task % parts * SIDE);
            let words = first..packed.words.min(first + SIDE);
            // SAFETY: tasks differ in plane or words.
            unsafe { packed.pack(self.x, sample, [z, 0], words, &to, z * packed.plane(), scratch) };
        });
        let planes = Planes { packed, values: &values, places: planes };
        let (blocks, [depth, height, _]) = (self.weights.blocks(), packed.geometry.output);
        let runs = (TASKS * rayon::current_num_threads()).div_ceil(blocks.len()).min(depth);
        (0..blocks.len() * runs).into_par_iter().for_each_init(
            || Rows::new(&packed.geometry),
            |sums, task| {
                let tiles = Tiles::new(self.weights.steps().in_tile());
                let (block, run) = (&blocks[task / runs], task % runs);
                for z in run * depth / runs..(run + 1) * depth / runs {
                    self.block(&tiles, &planes, block, [sample, z, 0], height, sums, &mut || ());
                }
                self.out.finish();
            },
        );
    }

    /// A task packs and makes a few rows of the planes, one plane after the other.
    fn by_rows(&self, packed: Packed) {
        let Geometry { kernel: [reached, tall, _], output: [depth, height, _], .. } = packed.geometry;
        let rows = (packed.fitting(CACHED, reached) + 1 - tall).min(height);
        let rows = height.div_ceil(height.div_ceil(rows));
        let columns = height.div_ceil(rows);
        let runs = (TASKS * rayon::current_num_threads()).div_ceil(columns * self.x.batch()).min(depth);
        let tasks: Vec<(usize, usize, Range<usize>)> = (0..self.x.batch())
            .flat_map(|sample| (0..runs).map(move |run| (sample, run * depth / runs..(run + 1) * depth / runs)))
            .flat_map(|(sample, planes)| (0..columns).map(move |column| (sample, column * rows, planes.clone())))
            .collect();
        let packed = Packed { rows: rows + tall - 1, ..packed };
        let buffers = || (Aligned::new(reached * packed.plane()), Scratch::default(), Rows::new(&packed.geometry));
        let blocks = self.weights.blocks();
        tasks.into_par_iter().for_each_init(buffers, |(values, scratch, sums), (sample, first, planes)| {
            let tiles = Tiles::new(self.weights.steps().in_tile());
            let rows = rows.min(height - first);
            let packed = Packed { rows: rows + tall - 1, ..packed };
            let mut next = planes.start;
            for z in planes {
                let to = SharedSlice::new(values);
                for z in next..z + reached {
                    let at = z % reached * packed.plane();
                    // SAFETY: the buffer is this task's own.
                    unsafe { packed.pack(self.x, sample, [z, first], 0..packed.words, &to, at, scratch) };
                }
                next = z + reached;
                let planes = Planes { packed, values, places: reached };
                // While this plane is made, the next one's input comes to the cache.
                let (mut turn, turns) = (0, blocks.len() * sums.turns(rows));
                let mut meanwhile = || {
                    packed.prefetch(self.x, sample, [next, first], turn, turns);
                    turn += 1;
                };
                for block in &blocks {
                    self.block(&tiles, &planes, block, [sample, z, first], rows, sums, &mut meanwhile);
                }
            }
            self.out.finish();
        });
    }

    /// Makes `rows` rows, from `first` on, of one plane of a block of channels. The packed planes begin with the rows that
    /// the first one reads. Calls `meanwhile` once a [turn](Rows::turns).
    #[allow(clippy::too_many_arguments, reason = "one step of a longer computation")]
    fn block(
        &self,
        tiles: &Tiles,
        Planes { packed, values, places }: &Planes<'_>,
        block: &Block<'_>,
        [sample, z, first]: [usize; 3],
        rows: usize,
        Rows { count: group, len: row, in_row, sums, out }: &mut Rows,
        meanwhile: &mut impl FnMut(),
    ) {
        let Geometry { kernel: [reached, _, taps], output: [_, height, width], padding, .. } = packed.geometry;
        let planes: Vec<usize> = (0..reached).map(|dz| (z + dz) % places * packed.plane()).collect();
        let steps = self.weights.steps();
        let offsets = steps.offsets(&planes, packed.stride);
        let of = Operands::new(block.weights, values, &offsets, packed.stride, steps.in_tile());
        let (group, row, in_row) = (*group, *row, *in_row);
        let (stride, tap) = (group * row, group * row * SIDE);
        for y in (0..rows).step_by(group) {
            let count = group.min(rows - y);
            for position in (0..count * in_row).step_by(TOGETHER) {
                // The last tile once more where their number is odd.
                let positions: [usize; TOGETHER] = std::array::from_fn(|n| (position + n).min(count * in_row - 1));
                let starts =
                    positions.map(|at| ((y + at / in_row) * packed.words) * packed.stride + at % in_row * SIDE);
                let places = positions.map(|at| at / in_row * row + (at % in_row + 1) * SIDE);
                meanwhile();
                tiles.multiply(&of, starts, &mut Sums { values: sums, stride, tap }, places);
            }
            let at = (z * height + first + y) * width;
            for lane in 0..block.channels {
                for (n, to) in out.chunks_exact_mut(width).take(count).enumerate() {
                    let sums = |t: usize| &sums[t * tap + lane * stride + n * row + SIDE + t - padding[2]..][..width];
                    match taps {
                        1 => to.copy_from_slice(sums(0)),
                        _ => add(sums(0), sums(1), sums(2), to),
                    }
                }
                // SAFETY: tasks differ in sample, planes or rows, or in the block of channels.
                unsafe { self.out.write(sample, block.first + lane, at, &out[..count * width]) };
            }
        }
    }
}

vectorised! {
    /// Adds the sums of three taps.
    fn add(a: &[f32], b: &[f32], c: &[f32], to: &mut [f32]) {
        for (((to, a), b), c) in to.iter_mut().zip(a).zip(b).zip(c) {
            *to = (a + b) + c;
        }
    }
}
