//! Weights in the transformed domain.

use rayon::prelude::*;

use crate::recycled::Buffer;
use crate::vectorised::vectorised;

use super::{BLOCK, KERNEL, POINTS, TAPS};

/// What the weights are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super::super) enum Use {
    /// The convolution itself.
    Forward,
    /// The gradient of its input: channels exchanged, taps in reverse order.
    InputGradient,
}

/// Transforms weights `[out, in, 3, 3, 3]` into [block of channels made][point][channel read][tap][BLOCK], with zeros where
/// the last block has no channel.
pub(in super::super::super) fn transformed(weights: &[f32], output: usize, input: usize, of: Use) -> Buffer {
    assert_eq!(weights.len(), output * input * KERNEL, "weights");
    let (made, read) = match of {
        Use::Forward => (output, input),
        Use::InputGradient => (input, output),
    };
    let mut packed = Buffer::new(made.div_ceil(BLOCK) * POINTS * read * TAPS * BLOCK);
    packed.par_chunks_exact_mut(POINTS * read * TAPS * BLOCK).enumerate().for_each(|(block, packed)| {
        let made = block * BLOCK..(block * BLOCK + BLOCK).min(made);
        transform_block(weights, input, made.start, made.end, of, packed);
    });
    packed
}

vectorised! {
    /// Transforms the weights of the channels made from `first` to `end`.
    fn transform_block(weights: &[f32], input: usize, first: usize, end: usize, of: Use, packed: &mut [f32]) {
        let point = packed.len() / POINTS;
        let zeros = [0.0f32; KERNEL];
        let (kernels, _) = weights.as_chunks::<KERNEL>();
        for r in 0..point / (TAPS * BLOCK) {
            let lanes: [&[f32; KERNEL]; BLOCK] = std::array::from_fn(|lane| match of {
                _ if first + lane >= end => &zeros,
                Use::Forward => &kernels[(first + lane) * input + r],
                Use::InputGradient => &kernels[r * input + first + lane],
            });
            for tap in 0..TAPS {
                let rows: [[Lanes; 4]; 3] = std::array::from_fn(|z| {
                    along(std::array::from_fn(|y| {
                        let at = (z * 3 + y) * 3 + tap;
                        let at = if of == Use::Forward { at } else { KERNEL - 1 - at };
                        lanes.map(|kernel| kernel[at])
                    }))
                });
                let [top, middle, bottom] = rows;
                for (y, ((a, b), c)) in top.into_iter().zip(middle).zip(bottom).enumerate() {
                    for (z, value) in along([a, b, c]).into_iter().enumerate() {
                        let at = (z * 4 + y) * point + (r * TAPS + tap) * BLOCK;
                        packed[at..at + BLOCK].copy_from_slice(&value);
                    }
                }
            }
        }
    }
}

type Lanes = [f32; BLOCK];

/// The 4 transformed weights of 3 taps.
#[inline(always)]
fn along([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
    let ends: Lanes = std::array::from_fn(|i| a[i] + c[i]);
    [a, std::array::from_fn(|i| 0.5 * (ends[i] + b[i])), std::array::from_fn(|i| 0.5 * (ends[i] - b[i])), c]
}
