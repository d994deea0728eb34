//! Weights in the transformed domain.

use rayon::prelude::*;

use super::arithmetic::Arithmetic;
use super::{BLOCK, KERNEL, POINTS, TAPS, half, tiles};
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

/// Transforms weights `[out_channels, in_channels, 3, 3, 3]` into [block of channels written][point][row][tap][BLOCK], with
/// zeros where the last block has no channel. A row is a channel read, or in bf16 a word of two channels. Tiles have their
/// own order of rows, taps and lanes: [`tiles::place`].
pub(crate) fn transformed(
    weights: &[f32],
    out_channels: usize,
    in_channels: usize,
    pass: Pass,
    arithmetic: Arithmetic,
) -> Buffer {
    assert_eq!(weights.len(), out_channels * in_channels * KERNEL, "weights");
    let (kernels, _) = weights.as_chunks::<KERNEL>();
    let (written, read) = pass.channels(out_channels, in_channels);
    let kernels = Kernels { kernels, in_channels, written, read, pass };
    let len = POINTS * arithmetic.weight_rows(read) * TAPS * BLOCK;
    let mut packed = Buffer::new(written.div_ceil(BLOCK) * len);
    packed.par_chunks_exact_mut(len).enumerate().for_each(|(block, packed)| match arithmetic {
        Arithmetic::F32 => transform_block::<false>(kernels, block * BLOCK, packed),
        Arithmetic::Bf16 => transform_block::<true>(kernels, block * BLOCK, packed),
        Arithmetic::Bf16Tiles => transform_block_for_tiles(kernels, block * BLOCK, packed),
    });
    packed
}

type Lanes = [f32; BLOCK];

static ZEROS: [f32; KERNEL] = [0.0; KERNEL];

/// The kernels of every pair of channels, and the pass they are for.
#[derive(Clone, Copy)]
struct Kernels<'a> {
    kernels: &'a [[f32; KERNEL]],
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
        let lanes: [&[f32; KERNEL]; BLOCK] = std::array::from_fn(|lane| match self.pass {
            _ if first + lane >= self.written || read >= self.read => &ZEROS,
            Pass::Forward => &self.kernels[(first + lane) * self.in_channels + read],
            Pass::InputGrad => &self.kernels[read * self.in_channels + first + lane],
        });
        let [top, middle, bottom]: [[Lanes; 4]; 3] = std::array::from_fn(|z| {
            along(std::array::from_fn(|y| {
                let at = (z * 3 + y) * 3 + tap;
                let at = if self.pass == Pass::Forward { at } else { KERNEL - 1 - at };
                lanes.map(|kernel| kernel[at])
            }))
        });
        let mut points = [[0.0; BLOCK]; POINTS];
        for y in 0..4 {
            for (z, value) in along([top[y], middle[y], bottom[y]]).into_iter().enumerate() {
                points[z * 4 + y] = value;
            }
        }
        points
    }

    /// Words of the transformed kernels of two channels read.
    #[inline(always)]
    fn words(&self, first: usize, row: usize, tap: usize) -> [Lanes; POINTS] {
        let (mut words, odd) = (self.points(first, 2 * row, tap), self.points(first, 2 * row + 1, tap));
        for (even, odd) in words.iter_mut().zip(&odd) {
            *even = std::array::from_fn(|lane| half::word(even[lane], odd[lane]));
        }
        words
    }
}

vectorised! {
    /// Transforms the weights of the channels written from `first`; in words of two channels read if `HALF`.
    fn transform_block<const HALF: bool>(kernels: Kernels<'_>, first: usize, packed: &mut [f32]) {
        let of_point = packed.len() / POINTS;
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

vectorised! {
    /// As [`transform_block`] in words, laid out for tiles.
    fn transform_block_for_tiles(kernels: Kernels<'_>, first: usize, packed: &mut [f32]) {
        let rows = packed.len() / (POINTS * TAPS * BLOCK);
        for row in 0..rows {
            for tap in 0..TAPS {
                let points = kernels.words(first, row, tap);
                for (packed, words) in packed.chunks_exact_mut(rows * TAPS * BLOCK).zip(&points) {
                    for (lane, &word) in words.iter().enumerate() {
                        packed[tiles::place(rows, row, tap, lane)] = word;
                    }
                }
            }
        }
    }
}

/// The 4 transformed weights of 3 taps.
#[inline(always)]
fn along([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
    let ends: Lanes = std::array::from_fn(|i| a[i] + c[i]);
    [a, std::array::from_fn(|i| 0.5 * (ends[i] + b[i])), std::array::from_fn(|i| 0.5 * (ends[i] - b[i])), c]
}
