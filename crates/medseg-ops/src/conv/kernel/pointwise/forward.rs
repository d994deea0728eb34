//! The convolution, and with transposed weights the gradient of its input.

use rayon::prelude::*;

use super::tile::Tile;
use crate::conv::kernel::lanes::{Lanes, Path, on_path};
use crate::conv::kernel::sink::Sink;
use crate::conv::kernel::source::Source;

/// Output channels computed together.
const BLOCK: usize = 8;
/// Vectors of voxels computed together.
const VECTORS: usize = 3;

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

/// `outs[lane][v] = Σ over channels of weight[channel][lane] · x[channel][v]` for `count` voxels.
fn mix(path: Path, x: &[&[f32]], weights: &[f32], outs: &mut [&mut [f32]], count: usize) {
    let lanes = outs.len();
    assert!(lanes <= BLOCK && weights.len() == x.len() * BLOCK);
    assert!(x.iter().all(|x| x.len() == count) && outs.iter().all(|out| out.len() == count));
    let mut to = [std::ptr::null_mut(); BLOCK];
    to.iter_mut().zip(outs).for_each(|(to, out)| *to = out.as_mut_ptr());
    on_path!(path, mixed(x: &[&[f32]], weights: &[f32], to: [*mut f32; BLOCK], lanes: usize, count: usize));
}

/// # Safety
/// Each of `x` is readable and each of the first `lanes` of `to` writable for `count` values; `weights` holds BLOCK for
/// each of `x`; the processor has V's instructions.
#[inline(always)]
unsafe fn mixed<V: Lanes>(x: &[&[f32]], weights: &[f32], to: [*mut f32; BLOCK], lanes: usize, count: usize) {
    // SAFETY: vectors are used where they lie wholly below `count`; the rest is done value by value.
    unsafe {
        let (low, high) = (to.as_ptr(), to.as_ptr().add(BLOCK / 2));
        let weights = weights.as_ptr();
        let mut at = 0;
        while at + VECTORS * V::WIDTH <= count {
            if V::REGISTERS >= 32 && lanes > BLOCK / 2 {
                chunk::<V, BLOCK>(x, weights, low, lanes, at);
            } else {
                chunk::<V, { BLOCK / 2 }>(x, weights, low, lanes.min(BLOCK / 2), at);
                if lanes > BLOCK / 2 {
                    chunk::<V, { BLOCK / 2 }>(x, weights.add(BLOCK / 2), high, lanes - BLOCK / 2, at);
                }
            }
            at += VECTORS * V::WIDTH;
        }
        for v in at..count {
            for (lane, to) in to.iter().enumerate().take(lanes) {
                let terms = x.iter().enumerate().map(|(c, x)| *weights.add(c * BLOCK + lane) * x[v]);
                *to.add(v) = terms.sum();
            }
        }
    }
}

/// L lanes of VECTORS vectors from voxel `at`; writes the first `lanes` of them.
///
/// # Safety
/// As [`mixed`].
#[inline(always)]
unsafe fn chunk<V: Lanes, const L: usize>(
    x: &[&[f32]],
    weights: *const f32,
    to: *const *mut f32,
    lanes: usize,
    at: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); VECTORS]; L];
        for (c, x) in x.iter().enumerate() {
            let x = x.as_ptr().add(at);
            let values: [V; VECTORS] = std::array::from_fn(|i| V::load(x.add(i * V::WIDTH)));
            for (lane, sums) in sums.iter_mut().enumerate() {
                let w = V::splat(*weights.add(c * BLOCK + lane));
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = sum.add_product(w, value);
                }
            }
        }
        for (lane, sums) in sums.iter().enumerate() {
            if lane < lanes {
                let to = (*to.add(lane)).add(at);
                for (i, sum) in sums.iter().enumerate() {
                    sum.store(to.add(i * V::WIDTH));
                }
            }
        }
    }
}
