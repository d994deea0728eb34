//! Weights in the transformed domain.

use rayon::prelude::*;

use super::forward::Arithmetic;
use super::{BLOCK, KERNEL, POINTS, TAPS, half, tiles};
use crate::recycled::Buffer;
use crate::vectorised::vectorised;

/// What the weights are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super::super) enum Use {
    /// The convolution itself.
    Forward,
    /// The gradient of its input: channels exchanged, taps in reverse order.
    InputGradient,
}

/// Transforms weights `[out, in, 3, 3, 3]` into [block of channels made][point][row][tap][BLOCK], with zeros where the
/// last block has no channel. A row is a channel read, or in bf16 a word of two; for tiles rows, taps and lanes lie as
/// [`tiles::place`] says.
pub(in super::super::super) fn transformed(
    weights: &[f32],
    output: usize,
    input: usize,
    of: Use,
    arithmetic: Arithmetic,
) -> Buffer {
    assert_eq!(weights.len(), output * input * KERNEL, "weights");
    let (kernels, _) = weights.as_chunks::<KERNEL>();
    let (made, read) = match of {
        Use::Forward => (output, input),
        Use::InputGradient => (input, output),
    };
    let kernels = Kernels { kernels, input, made, read, of };
    let len = POINTS * arithmetic.weight_rows(read) * TAPS * BLOCK;
    let mut packed = Buffer::new(made.div_ceil(BLOCK) * len);
    packed.par_chunks_exact_mut(len).enumerate().for_each(|(block, packed)| match arithmetic {
        Arithmetic::Single => transform_block::<false>(kernels, block * BLOCK, packed),
        Arithmetic::Half => transform_block::<true>(kernels, block * BLOCK, packed),
        Arithmetic::Tiles => transform_block_for_tiles(kernels, block * BLOCK, packed),
    });
    packed
}

type Lanes = [f32; BLOCK];

static ZEROS: [f32; KERNEL] = [0.0; KERNEL];

/// The kernels of every pair of channels, and how they are read.
#[derive(Clone, Copy)]
struct Kernels<'a> {
    kernels: &'a [[f32; KERNEL]],
    input: usize,
    made: usize,
    read: usize,
    of: Use,
}

impl Kernels<'_> {
    /// Transformed kernels from channel `read` to BLOCK channels made from `first`, at one tap along the width.
    #[inline(always)]
    fn points(&self, first: usize, read: usize, tap: usize) -> [Lanes; POINTS] {
        let lanes: [&[f32; KERNEL]; BLOCK] = std::array::from_fn(|lane| match self.of {
            _ if first + lane >= self.made || read >= self.read => &ZEROS,
            Use::Forward => &self.kernels[(first + lane) * self.input + read],
            Use::InputGradient => &self.kernels[read * self.input + first + lane],
        });
        let [top, middle, bottom]: [[Lanes; 4]; 3] = std::array::from_fn(|z| {
            along(std::array::from_fn(|y| {
                let at = (z * 3 + y) * 3 + tap;
                let at = if self.of == Use::Forward { at } else { KERNEL - 1 - at };
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
    /// Transforms the weights of the channels made from `first`; in words of two channels read if `HALF`.
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
