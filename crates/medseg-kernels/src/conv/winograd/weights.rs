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

/// Rows of taps of the largest kernel.
const ROWS: usize = 9;

/// Values of a point that are written at once: those of four channels read.
const TOGETHER: usize = 4 * TAPS * BLOCK;

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
    /// Writes the transformed kernels from channel `read` to BLOCK channels written from `first`, at one tap along the width.
    #[inline(always)]
    fn points(&self, first: usize, read: usize, tap: usize, points: &mut [Lanes; POINTS]) {
        let len = self.tile.weights();
        let mut rows = [[0.0; BLOCK]; ROWS];
        for lane in 0..BLOCK.min(self.written - first) {
            if read >= self.read {
                break;
            }
            let (out, channel) = match self.pass {
                Pass::Forward => (first + lane, read),
                Pass::InputGrad => (read, first + lane),
            };
            let kernel = &self.weights[(out * self.in_channels + channel) * len..][..len];
            for (row, taps) in rows.iter_mut().zip(kernel.chunks_exact(TAPS)) {
                row[lane] = if self.pass == Pass::Forward { taps[tap] } else { taps[TAPS - 1 - tap] };
            }
        }
        let count = len / TAPS;
        if self.pass == Pass::InputGrad {
            rows[..count].reverse();
        }
        match self.tile.rows() {
            2 => write_points(points, rows, count, axis::weights_of_two, |value| value),
            _ => {
                let mut wide = [[0.0; BLOCK]; ROWS];
                for (wide, row) in wide.iter_mut().zip(&rows) {
                    for lane in 0..BLOCK {
                        wide[lane] = f64::from(row[lane]);
                    }
                }
                write_points(points, wide, count, axis::weights_of_four, |value| {
                    let mut rounded = [0.0; BLOCK];
                    for lane in 0..BLOCK {
                        rounded[lane] = value[lane] as f32;
                    }
                    rounded
                });
            }
        }
    }

    /// Writes words of the transformed kernels of two channels read.
    #[inline(always)]
    fn words(&self, first: usize, row: usize, tap: usize, points: &mut [Lanes; POINTS]) {
        let mut odd = [[0.0; BLOCK]; POINTS];
        self.points(first, 2 * row, tap, points);
        self.points(first, 2 * row + 1, tap, &mut odd);
        for (even, odd) in points.iter_mut().zip(&odd) {
            for (even, odd) in even.iter_mut().zip(odd) {
                *even = words::word(*even, *odd);
            }
        }
    }
}

vectorised! {
    /// Transforms the weights of the channels written from `first`; in words of two channels read if `HALF`.
    fn transform_block<const HALF: bool>(kernels: Kernels<'_>, first: usize, packed: &mut [f32]) {
        let of_point = packed.len() / kernels.tile.points();
        let mut points = [[0.0; BLOCK]; POINTS];
        // Some rows at a time: the points lie whole pages apart, in the same few lines of the first-level cache.
        let mut together = [[0.0; TOGETHER]; POINTS];
        for start in (0..of_point).step_by(TOGETHER) {
            let len = TOGETHER.min(of_point - start);
            for at in (0..len).step_by(BLOCK) {
                let (row, tap) = ((start + at) / BLOCK / TAPS, (start + at) / BLOCK % TAPS);
                if HALF {
                    kernels.words(first, row, tap, &mut points);
                } else {
                    kernels.points(first, row, tap, &mut points);
                }
                for (together, point) in together.iter_mut().zip(&points) {
                    together[at..at + BLOCK].copy_from_slice(point);
                }
            }
            for (packed, together) in packed.chunks_exact_mut(of_point).zip(&together) {
                packed[start..start + len].copy_from_slice(&together[..len]);
            }
        }
    }
}

/// Writes the points of a tile: the transformed rows of one plane, or those of three planes transformed along depth.
#[inline(always)]
fn write_points<T: Copy, const N: usize>(
    points: &mut [Lanes; POINTS],
    rows: [[T; BLOCK]; ROWS],
    count: usize,
    along: impl Fn([[T; BLOCK]; 3]) -> [[T; BLOCK]; N],
    rounded: impl Fn([T; BLOCK]) -> Lanes,
) {
    let top = along([rows[0], rows[1], rows[2]]);
    if count == 3 {
        for n in 0..N {
            points[n] = rounded(top[n]);
        }
        return;
    }
    let middle = along([rows[3], rows[4], rows[5]]);
    let bottom = along([rows[6], rows[7], rows[8]]);
    for y in 0..N {
        let column = along([top[y], middle[y], bottom[y]]);
        for z in 0..N {
            points[z * N + y] = rounded(column[z]);
        }
    }
}
