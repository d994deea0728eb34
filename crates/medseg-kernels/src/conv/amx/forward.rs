//! The convolution, and with weights of the other pass the gradient of its input.

use std::ops::Range;

use rayon::prelude::*;

use super::input::{Packed, Scratch};
use super::tiles::{BLOCK, NARROW, Operands, SIDE, Shape, Sums, Tiles, WIDE};
use super::weights::{Block, Weights};
use crate::conv::direct::Geometry;
use crate::conv::shared::SharedSlice;
use crate::conv::sink::Sink;
use crate::conv::source::Source;
use crate::memory::Buffer;

/// Values of packed planes that a task holds: with the weights they stay in the second-level cache.
const CACHED: usize = 1 << 18;
/// Values of a sample that is packed whole, at most, if its weights are many.
const SMALL: usize = 4 << 20;
/// Bytes of weights that are many: reading them for every plane would take longer than multiplying.
const MANY: usize = 1 << 19;
/// Positions of rows that are computed before they are written.
const GROUP: usize = 192;
/// Rows that are computed before they are written, at most.
const ROWS: usize = 4;
/// Tasks a thread, so that none waits long for the last one.
const TASKS: usize = 4;

/// Convolves with stride 1; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree, or the stride is not 1.
pub(crate) fn convolve(x: &Source<'_>, geometry: &Geometry, weights: &Weights, out: &Sink<'_>) {
    let steps = weights.steps();
    assert_eq!((geometry.kernel, geometry.stride), (steps.kernel(), [1; 3]), "kernel and stride");
    assert_eq!(weights.channels(), [out.channels(), x.channels()], "channels written and read");
    assert_eq!(x.shape(), geometry.input, "shape of the input");
    assert_eq!(out.voxels(), geometry.output.iter().product::<usize>(), "voxels of the output");
    let packed = Packed::new(*geometry, steps.words(), geometry.input[1] + 2 * geometry.padding[1]);
    let work = Work { x, weights, out, shape: Shape { words: steps.in_tile(), positions: geometry.output[2].min(SIDE) } };
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
    shape: Shape,
}

/// Packed planes, of which plane `z` is in place `z % places`.
struct Planes<'a> {
    packed: Packed,
    values: &'a [f32],
    places: usize,
}

impl Work<'_> {
    /// Packs a sample whole, then shares out the planes of each block of channels.
    fn whole(&self, packed: Packed, planes: usize, sample: usize) {
        let mut values = Buffer::new(planes * packed.plane());
        let to = SharedSlice::new(&mut values);
        let parts = packed.words.div_ceil(SIDE);
        (0..planes * parts).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
            let (z, first) = (task / parts, task % parts * SIDE);
            let words = first..packed.words.min(first + SIDE);
            // SAFETY: tasks differ in plane or words.
            unsafe { packed.plane_of(self.x, sample, [z, 0], words, &to, z * packed.plane(), scratch) };
        });
        let planes = Planes { packed, values: &values, places: planes };
        let (blocks, [depth, height, _]) = (self.weights.blocks(), packed.geometry.output);
        let runs = (TASKS * rayon::current_num_threads()).div_ceil(blocks.len()).min(depth);
        (0..blocks.len() * runs).into_par_iter().for_each_init(Vec::new, |sums, task| {
            let tiles = Tiles::new(self.shape);
            let (block, run) = (&blocks[task / runs], task % runs);
            for z in run * depth / runs..(run + 1) * depth / runs {
                self.block(&tiles, &planes, block, [sample, z, 0], height, sums);
            }
            self.out.finish();
        });
    }

    /// A task packs and makes a few rows of the planes, one plane after the other.
    fn by_rows(&self, packed: Packed) {
        let Geometry { kernel: [reached, tall, _], output: [depth, height, _], .. } = packed.geometry;
        let rows = (packed.fitting(CACHED, reached) + 1 - tall).min(height);
        let columns = height.div_ceil(rows);
        let rows = height.div_ceil(columns);
        let columns = height.div_ceil(rows);
        let runs = (TASKS * rayon::current_num_threads()).div_ceil(columns * self.x.batch()).min(depth);
        let tasks: Vec<(usize, usize, Range<usize>)> = (0..self.x.batch())
            .flat_map(|sample| (0..runs).map(move |run| (sample, run * depth / runs..(run + 1) * depth / runs)))
            .flat_map(|(sample, planes)| (0..columns).map(move |column| (sample, column * rows, planes.clone())))
            .collect();
        let packed = Packed { rows: rows + tall - 1, ..packed };
        let buffers = || (Buffer::new(reached * packed.plane()), Scratch::default(), Vec::new());
        let blocks = self.weights.blocks();
        tasks.into_par_iter().for_each_init(buffers, |(values, scratch, sums), (sample, first, planes)| {
            let tiles = Tiles::new(self.shape);
            let packed = Packed { rows: rows.min(height - first) + tall - 1, ..packed };
            let mut next = planes.start;
            for z in planes {
                let to = SharedSlice::new(values);
                for z in next..z + reached {
                    let at = z % reached * packed.plane();
                    // SAFETY: the buffer is this task's own.
                    unsafe { packed.plane_of(self.x, sample, [z, first], 0..packed.words, &to, at, scratch) };
                }
                next = z + reached;
                let planes = Planes { packed, values, places: reached };
                for block in &blocks {
                    self.block(&tiles, &planes, block, [sample, z, first], packed.rows + 1 - tall, sums);
                }
            }
            self.out.finish();
        });
    }

    /// Makes `rows` rows, from `first` on, of one plane of a block of channels. The packed planes begin with the rows that
    /// the first one reads.
    fn block(
        &self,
        tiles: &Tiles,
        Planes { packed, values, places }: &Planes<'_>,
        block: &Block<'_>,
        [sample, z, first]: [usize; 3],
        rows: usize,
        sums: &mut Vec<f32>,
    ) {
        let [_, height, width] = packed.geometry.output;
        let planes: Vec<usize> =
            (0..packed.geometry.kernel[0]).map(|dz| (z + dz) % places * packed.plane()).collect();
        let offsets = self.weights.steps().offsets(&planes, packed.stride);
        let of = Operands::new(block.weights, values, &offsets, packed.stride, self.shape);
        let group = (GROUP / width).clamp(1, ROWS);
        let stride = (group * width).next_multiple_of(SIDE);
        sums.resize(BLOCK * stride, 0.0);
        for y in (0..rows).step_by(group) {
            let count = group.min(rows - y);
            let mut sums = Sums { values: sums, stride };
            let starts = |position: usize| {
                // The last tile of a row reaches back to be whole.
                let in_row = width.div_ceil(SIDE);
                let (row, x) = (position / in_row, (position % in_row * SIDE).min(width - self.shape.positions));
                ((y + row) * packed.words * packed.stride + x, row * width + x)
            };
            let positions = count * width.div_ceil(SIDE);
            if block.tiles == 1 {
                multiply_all::<NARROW>(tiles, &of, positions, starts, &mut sums);
            } else {
                multiply_all::<WIDE>(tiles, &of, positions, starts, &mut sums);
            }
            let at = (z * height + first + y) * width;
            for (lane, values) in sums.values.chunks_exact(stride).take(block.channels).enumerate() {
                // SAFETY: tasks differ in sample, planes or rows, or in the block of channels.
                unsafe { self.out.write(sample, block.first + lane, at, &values[..count * width]) };
            }
        }
    }
}

/// The sums of all tiles of positions, N at a time; those that fill up the last time are the last one again.
fn multiply_all<const N: usize>(
    tiles: &Tiles,
    of: &Operands<'_>,
    count: usize,
    place: impl Fn(usize) -> (usize, usize),
    sums: &mut Sums<'_>,
) {
    for position in (0..count).step_by(N) {
        let places: [_; N] = std::array::from_fn(|n| place((position + n).min(count - 1)));
        tiles.multiply(of, places.map(|(start, _)| start), sums, places.map(|(_, place)| place));
    }
}
