//! The 1×1×1 convolution: a small matrix times every voxel.

use rayon::prelude::*;

use super::lanes::{Lanes, Path, on_path};
use super::shared::SharedSlice;
use super::{BLOCK, Volumes};

/// Voxels of a task.
const VOXELS: usize = 3072;
/// Vectors of voxels computed together.
const VECTORS: usize = 3;
/// Input channels whose weights' gradients are computed together.
const INPUTS: usize = 3;

/// Convolves with weights packed by [`pack`](super::pack) with one tap. Returns `[batch, output, voxels]`.
///
/// # Panics
/// If the lengths do not agree.
pub(in super::super) fn pointwise(path: Path, x: &[f32], volumes: Volumes, weights: &[f32], output: usize) -> Vec<f32> {
    assert_eq!(weights.len(), output.next_multiple_of(BLOCK) * volumes.channels, "packed weights");
    assert_eq!(x.len(), volumes.len(), "input values");
    let voxels = volumes.voxels();
    let mut out = vec![0.0f32; volumes.batch * output * voxels];
    let shared = SharedSlice::new(&mut out);
    let parts = voxels.div_ceil(VOXELS);
    (0..volumes.batch * parts).into_par_iter().for_each(|task| {
        let (n, first) = (task / parts, task % parts * VOXELS);
        let count = VOXELS.min(voxels - first);
        let sample = &x[n * volumes.channels * voxels + first..];
        let mut tile = [0.0f32; BLOCK * VOXELS];
        for (b, weights) in weights.chunks_exact(BLOCK * volumes.channels).enumerate() {
            mix(path, sample, voxels, weights, count, &mut tile);
            for (lane, values) in tile.chunks_exact(VOXELS).enumerate().take(output - (b * BLOCK).min(output)) {
                let at = (n * output + b * BLOCK + lane) * voxels + first;
                // SAFETY: tasks differ in sample or voxels, so no other one writes these values.
                unsafe { shared.part(at, count) }.copy_from_slice(&values[..count]);
            }
        }
    });
    out
}

/// `tile[lane][v] = Σ over channels of weight[channel][lane] · x[channel][v]` for `count` voxels.
fn mix(path: Path, x: &[f32], stride: usize, weights: &[f32], count: usize, tile: &mut [f32; BLOCK * VOXELS]) {
    let channels = weights.len() / BLOCK;
    assert!(count <= VOXELS && (channels - 1) * stride + count <= x.len());
    let (x, weights, tile) = (x.as_ptr(), weights.as_ptr(), tile.as_mut_ptr());
    on_path!(
        path,
        mixed(x: *const f32, stride: usize, channels: usize, weights: *const f32, count: usize, tile: *mut f32)
    );
}

/// # Safety
/// Each of the channels of `x` is readable for `count` values, `weights` for BLOCK a channel, `tile` writable for VOXELS
/// of each lane; the processor has V's instructions.
#[inline(always)]
unsafe fn mixed<V: Lanes>(
    x: *const f32,
    stride: usize,
    channels: usize,
    weights: *const f32,
    count: usize,
    tile: *mut f32,
) {
    // SAFETY: vectors are read where they lie wholly below `count`; the rest is read value by value.
    unsafe {
        let mut at = 0;
        while at + VECTORS * V::WIDTH <= count {
            let mut sums = [[V::zero(); VECTORS]; BLOCK];
            for c in 0..channels {
                let mut values = [V::zero(); VECTORS];
                for (i, value) in values.iter_mut().enumerate() {
                    *value = V::load(x.add(c * stride + at + i * V::WIDTH));
                }
                for (lane, sums) in sums.iter_mut().enumerate() {
                    let w = V::splat(*weights.add(c * BLOCK + lane));
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum = sum.add_product(w, value);
                    }
                }
            }
            for (lane, sums) in sums.iter().enumerate() {
                for (i, sum) in sums.iter().enumerate() {
                    sum.store(tile.add(lane * VOXELS + at + i * V::WIDTH));
                }
            }
            at += VECTORS * V::WIDTH;
        }
        for v in at..count {
            for lane in 0..BLOCK {
                let mut sum = 0.0f32;
                for c in 0..channels {
                    sum += *weights.add(c * BLOCK + lane) * *x.add(c * stride + v);
                }
                *tile.add(lane * VOXELS + v) = sum;
            }
        }
    }
}

/// Gradient of the weights `[output, input]` of a 1×1×1 convolution.
///
/// # Panics
/// If the lengths do not agree.
pub(in super::super) fn pointwise_weight_gradient(
    path: Path,
    x: &[f32],
    volumes: Volumes,
    gradient: &[f32],
    output: usize,
) -> Vec<f32> {
    let voxels = volumes.voxels();
    assert_eq!(
        (x.len(), gradient.len()),
        (volumes.len(), volumes.batch * output * voxels),
        "input and gradient values"
    );
    let input = volumes.channels;
    let mut weights = vec![0.0f32; output * input];
    let shared = SharedSlice::new(&mut weights);
    let (blocks, groups) = (output.div_ceil(BLOCK), input.div_ceil(INPUTS));
    (0..blocks * groups).into_par_iter().for_each(|task| {
        // The channels of an incomplete block are filled up with its first one and thrown away.
        let outs: [usize; BLOCK] = rows(task / groups * BLOCK, output);
        let ins: [usize; INPUTS] = rows(task % groups * INPUTS, input);
        let mut sums = [[0.0f64; BLOCK]; INPUTS];
        for n in 0..volumes.batch {
            let g = outs.map(|o| gradient[(n * output + o) * voxels..][..voxels].as_ptr());
            let x = ins.map(|i| x[(n * input + i) * voxels..][..voxels].as_ptr());
            for first in (0..voxels).step_by(VOXELS) {
                let count = VOXELS.min(voxels - first);
                let sums = &raw mut sums;
                on_path!(
                    path,
                    dots(x: [*const f32; INPUTS], g: [*const f32; BLOCK], first: usize, count: usize, sums: *mut [[f64; BLOCK]; INPUTS])
                );
            }
        }
        for (i, sums) in (task % groups * INPUTS..input).zip(sums) {
            for (o, sum) in (task / groups * BLOCK..output).zip(sums) {
                // SAFETY: this pair of channels belongs to this task alone.
                let weight = unsafe { shared.part(o * input + i, 1) };
                weight[0] = sum as f32;
            }
        }
    });
    weights
}

/// N consecutive rows from `first`, with `first` again for those beyond `count`.
fn rows<const N: usize>(first: usize, count: usize) -> [usize; N] {
    std::array::from_fn(|n| if first + n < count { first + n } else { first })
}

/// # Safety
/// Every pointer is readable for `first + count` values and `sums` writable; the processor has V's instructions.
#[inline(always)]
unsafe fn dots<V: Lanes>(
    x: [*const f32; INPUTS],
    g: [*const f32; BLOCK],
    first: usize,
    count: usize,
    sums: *mut [[f64; BLOCK]; INPUTS],
) {
    // SAFETY: vectors are read where they lie wholly below `first + count`; the rest is read value by value.
    unsafe {
        let mut partial = [[V::zero(); BLOCK]; INPUTS];
        let mut at = first;
        while at + V::WIDTH <= first + count {
            let mut gradients = [V::zero(); BLOCK];
            for (value, g) in gradients.iter_mut().zip(g) {
                *value = V::load(g.add(at));
            }
            for (partial, x) in partial.iter_mut().zip(x) {
                let x = V::load(x.add(at));
                for (sum, gradient) in partial.iter_mut().zip(gradients) {
                    *sum = sum.add_product(gradient, x);
                }
            }
            at += V::WIDTH;
        }
        for i in 0..INPUTS {
            for o in 0..BLOCK {
                let mut sum = f64::from(partial[i][o].sum());
                for v in at..first + count {
                    sum += f64::from(*x[i].add(v)) * f64::from(*g[o].add(v));
                }
                (*sums)[i][o] += sum;
            }
        }
    }
}
