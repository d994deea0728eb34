//! Weights in the transformed domain.

use rayon::prelude::*;

use super::{BLOCK, TAPS, Tile, axis};
use crate::conv::{Arithmetic, words};
use crate::isa::vectorised;
use crate::memory::Buffer;

/// The pass that weights are transformed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The convolution itself.
    Forward,
    /// The gradient of its input: channels exchanged, taps in reverse order.
    InputGrad,
}

impl Pass {
    /// Channels written and channels read, for weights `[out_channels, in_channels, ...]`.
    pub(crate) fn channels(self, out_channels: usize, in_channels: usize) -> (usize, usize) {
        match self {
            Self::Forward => (out_channels, in_channels),
            Self::InputGrad => (in_channels, out_channels),
        }
    }
}

/// Transforms weights `[out_channels, in_channels, kernel]` into [block of channels written][point][row][tap][BLOCK], with
/// zeros where the last block has no channel. A row is a channel read, or in bf16 a word of two channels.
pub(crate) fn transformed(
    tile: Tile,
    weights: &[f32],
    out_channels: usize,
    in_channels: usize,
    pass: Pass,
    arithmetic: Arithmetic,
) -> Buffer {
    assert_eq!(weights.len(), out_channels * in_channels * tile.weights(), "weights");
    let (written, read) = pass.channels(out_channels, in_channels);
    let kernels = Kernels { tile, weights, in_channels, written, read, pass };
    let len = tile.points() * arithmetic.rows(read) * TAPS * BLOCK;
    let mut packed = Buffer::new(written.div_ceil(BLOCK) * len);
    packed.par_chunks_exact_mut(len).enumerate().for_each(|(block, packed)| match arithmetic {
        Arithmetic::F32 => transform_block::<false>(kernels, block * BLOCK, packed),
        Arithmetic::Bf16 => transform_block::<true>(kernels, block * BLOCK, packed),
        Arithmetic::Bf16Tiles => unreachable!("tiles are not for Winograd's algorithm"),
    });
    packed
}

type Lanes = [f32; BLOCK];

/// Points of the largest tile; of smaller ones the first are used.
const POINTS: usize = Tile::DEEP_FOUR.points();

static ZEROS: [f32; Tile::DEEP_FOUR.weights()] = [0.0; Tile::DEEP_FOUR.weights()];

/// The kernels of every pair of channels, and the pass they are for.
#[derive(Clone, Copy)]
struct Kernels<'a> {
    tile: Tile,
    weights: &'a [f32],
    in_channels: usize,
    /// Channels that the pass writes.
    written: usize,
    /// Channels that it reads.
    read: usize,
    pass: Pass,
}

impl Kernels<'_> {
    /// Transformed kernels from channel `read` to BLOCK channels written from `first`, at one tap along the width.
    #[inline(always)]
    fn points(&self, first: usize, read: usize, tap: usize) -> [Lanes; POINTS] {
        let len = self.tile.weights();
        let kernel = |written: usize, read: usize| &self.weights[(written * self.in_channels + read) * len..][..len];
        let lanes: [&[f32]; BLOCK] = std::array::from_fn(|lane| match self.pass {
            _ if first + lane >= self.written || read >= self.read => &ZEROS[..len],
            Pass::Forward => kernel(first + lane, read),
            Pass::InputGrad => kernel(read, first + lane),
        });
        let row = |z: usize, y: usize| {
            let at = (z * 3 + y) * 3 + tap;
            let at = if self.pass == Pass::Forward { at } else { len - 1 - at };
            lanes.map(|kernel| kernel[at])
        };
        let mut points = [[0.0; BLOCK]; POINTS];
        let planes = self.tile.kernel()[0];
        match self.tile.rows() {
            2 => {
                let plane = |z: usize| axis::weights_of_two([row(z, 0), row(z, 1), row(z, 2)]);
                write_points(&mut points, planes, plane, axis::weights_of_two, |value| value);
            }
            _ => {
                let row = |z: usize, y: usize| row(z, y).map(f64::from);
                let plane = |z: usize| axis::weights_of_four([row(z, 0), row(z, 1), row(z, 2)]);
                write_points(&mut points, planes, plane, axis::weights_of_four, |value| {
                    value.map(|value| value as f32)
                });
            }
        }
        points
    }

    /// Words of the transformed kernels of two channels read.
    #[inline(always)]
    fn words(&self, first: usize, row: usize, tap: usize) -> [Lanes; POINTS] {
        let mut words = self.points(first, 2 * row, tap);
        let odd = self.points(first, 2 * row + 1, tap);
        for (even, odd) in words.iter_mut().zip(&odd) {
            *even = std::array::from_fn(|lane| words::word(even[lane], odd[lane]));
        }
        words
    }
}

vectorised! {
    /// Transforms the weights of the channels written from `first`; in words of two channels read if `HALF`.
    fn transform_block<const HALF: bool>(kernels: Kernels<'_>, first: usize, packed: &mut [f32]) {
        let of_point = packed.len() / kernels.tile.points();
        for row in 0..of_point / (TAPS * BLOCK) {
            for tap in 0..TAPS {
                let points = if HALF { kernels.words(first, row, tap) } else { kernels.points(first, row, tap) };
                for (packed, value) in packed.chunks_exact_mut(of_point).zip(&points) {
                    packed[(row * TAPS + tap) * BLOCK..][..BLOCK].copy_from_slice(value);
                }
            }
        }
    }
}

/// Writes the points of a tile: the transformed rows of one plane, or those of three `planes` transformed along depth.
#[inline(always)]
fn write_points<T: Copy, const N: usize>(
    points: &mut [Lanes; POINTS],
    planes: usize,
    plane: impl Fn(usize) -> [T; N],
    along_depth: impl Fn([T; 3]) -> [T; N],
    rounded: impl Fn(T) -> Lanes,
) {
    if planes == 1 {
        points.iter_mut().zip(plane(0)).for_each(|(point, value)| *point = rounded(value));
        return;
    }
    let [top, middle, bottom] = [plane(0), plane(1), plane(2)];
    for y in 0..N {
        for (z, value) in along_depth([top[y], middle[y], bottom[y]]).into_iter().enumerate() {
            points[z * N + y] = rounded(value);
        }
    }
}
