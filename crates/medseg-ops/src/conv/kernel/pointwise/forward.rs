//! The convolution, and with transposed weights the gradient of its input.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::kernel::lanes::Path;
use crate::conv::kernel::mix::{BLOCK, mix};
use crate::conv::kernel::sink::Sink;
use crate::conv::kernel::source::Source;

/// Packs weights `[out, in]`, or their transpose, as [block of channels made][channel read][BLOCK], with zeros where the
/// last block has no channel.
pub(in super::super::super) fn pointwise_weights(
    weights: &[f32],
    output: usize,
    input: usize,
    transposed: bool,
) -> Vec<f32> {
    assert_eq!(weights.len(), output * input, "weights");
    let (made, read) = if transposed { (input, output) } else { (output, input) };
    let mut packed = vec![0.0; made.next_multiple_of(BLOCK) * read];
    for m in 0..made {
        for r in 0..read {
            let weight = if transposed { weights[r * input + m] } else { weights[m * input + r] };
            packed[(m / BLOCK * read + r) * BLOCK + m % BLOCK] = weight;
        }
    }
    packed
}

/// Convolves with weights of [`pointwise_weights`]; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree.
pub(in super::super::super) fn pointwise(path: Path, x: &Source<'_>, weights: &[f32], out: &Sink<'_>) {
    let output = out.channels();
    let of_block = x.channels() * BLOCK;
    assert_eq!(weights.len(), output.div_ceil(BLOCK) * of_block, "packed weights");
    Tile::all(x.batch, x.sides).par_iter().for_each_init(Vec::new, |scratch, tile| {
        let channels = tile.channels(x, scratch);
        let (count, first) = tile.voxels(x.sides);
        for (block, weights) in weights.chunks_exact(of_block).enumerate() {
            let lanes = BLOCK.min(output - block * BLOCK);
            // SAFETY: tiles differ in sample, plane or rows, so no other task writes these voxels.
            let mut outs: Vec<&mut [f32]> =
                (0..lanes).map(|lane| unsafe { out.part(tile.sample, block * BLOCK + lane, first, count) }).collect();
            mix(path, &channels, weights, &mut outs, count);
        }
    });
}
