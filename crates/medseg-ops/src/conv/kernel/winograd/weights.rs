//! Weights in the transformed domain.

use rayon::prelude::*;

use crate::vectorised::vectorised;

use super::{BLOCK, POINTS, TAPS};

/// Values of the kernel of one pair of channels.
const KERNEL: usize = 27;

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
pub(in super::super::super) fn transformed(weights: &[f32], output: usize, input: usize, of: Use) -> Vec<f32> {
    assert_eq!(weights.len(), output * input * KERNEL, "weights");
    let (made, read) = match of {
        Use::Forward => (output, input),
        Use::InputGradient => (input, output),
    };
    let kernel = |m: usize, r: usize| match of {
        Use::Forward => &weights[(m * input + r) * KERNEL..][..KERNEL],
        Use::InputGradient => &weights[(r * input + m) * KERNEL..][..KERNEL],
    };
    let point = read * TAPS * BLOCK;
    let mut packed = vec![0.0f32; made.div_ceil(BLOCK) * POINTS * point];
    packed.par_chunks_exact_mut(POINTS * point).enumerate().for_each(|(block, packed)| {
        let lanes = BLOCK.min(made - block * BLOCK);
        let mut taps = [[0.0f32; BLOCK]; KERNEL];
        for r in 0..read {
            for lane in 0..lanes {
                let kernel = kernel(block * BLOCK + lane, r);
                for (tap, slot) in taps.iter_mut().enumerate() {
                    slot[lane] = kernel[if of == Use::Forward { tap } else { KERNEL - 1 - tap }];
                }
            }
            for tap in 0..TAPS {
                let plane: [[Lanes; 3]; 3] =
                    std::array::from_fn(|z| std::array::from_fn(|y| taps[(z * 3 + y) * 3 + tap]));
                for (p, value) in points(&plane).into_iter().flatten().enumerate() {
                    packed[p * point + (r * TAPS + tap) * BLOCK..][..BLOCK].copy_from_slice(&value);
                }
            }
        }
    });
    packed
}

type Lanes = [f32; BLOCK];

vectorised! {
    /// The 4×4 transformed weights of a plane of 3×3 taps.
    fn points(plane: &[[Lanes; 3]; 3]) -> [[Lanes; 4]; 4] {
        let rows = plane.map(along);
        let columns: [[Lanes; 4]; 4] = std::array::from_fn(|y| along([rows[0][y], rows[1][y], rows[2][y]]));
        std::array::from_fn(|z| std::array::from_fn(|y| columns[y][z]))
    }
}

/// The 4 transformed weights of 3 taps.
#[inline(always)]
fn along([a, b, c]: [Lanes; 3]) -> [Lanes; 4] {
    let ends: Lanes = std::array::from_fn(|i| a[i] + c[i]);
    [a, std::array::from_fn(|i| 0.5 * (ends[i] + b[i])), std::array::from_fn(|i| 0.5 * (ends[i] - b[i])), c]
}
