//! The gradient of a 3×3×3 kernel.

use rayon::prelude::*;

use super::forward::TAPS;
use super::lanes::{Lanes, Path, WIDEST, on_path};
use super::scratch::Window;
use super::{BLOCK, Volumes};

/// Values of padded input and gradient held at a time.
const SLAB: usize = 1 << 21;
/// Flat positions summed before the vectors are reduced to numbers.
const CHUNK: usize = 1024;

/// Gradient of the weights `[output, input, 27]` of a convolution of stride 1, from its input and its output's gradient.
///
/// Sums over the voxels are in f32 within a chunk of positions and in f64 over the chunks; each weight is computed by one
/// task, so the result does not depend on the number of threads.
///
/// # Panics
/// If the shapes do not belong to one convolution.
pub(in super::super) fn conv3_weight_gradient(
    path: Path,
    x: &[f32],
    volumes: Volumes,
    gradient: &[f32],
    output: usize,
    padding: [usize; 3],
) -> Vec<f32> {
    let padded: [usize; 3] = std::array::from_fn(|a| volumes.sides[a] + 2 * padding[a]);
    assert!(padded.iter().all(|s| *s >= 3), "a kernel of 3 does not fit into {padded:?} voxels");
    let out = Volumes { channels: output, sides: padded.map(|s| s - 2), ..volumes };
    assert_eq!((x.len(), gradient.len()), (volumes.len(), out.len()), "input and gradient values");
    let mut sums = vec![0.0f64; output.next_multiple_of(BLOCK) * volumes.channels * TAPS];
    let plane = padded[1] * padded[2];
    let slab = (SLAB / (plane * (volumes.channels + output))).saturating_sub(2).clamp(1, out.sides[0]);
    let mut buffers = (Vec::new(), Vec::new());
    for n in 0..volumes.batch {
        for z in (0..out.sides[0]).step_by(slab) {
            let planes = slab.min(out.sides[0] - z);
            let part = Slab { x: volumes, out, padding, padded, first: [n, z], planes };
            part.copy(x, gradient, &mut buffers);
            part.accumulate(path, &buffers.0, &buffers.1, &mut sums);
        }
    }
    unpacked(&sums, output, volumes.channels)
}

/// A few planes of one sample.
struct Slab {
    x: Volumes,
    out: Volumes,
    padding: [usize; 3],
    padded: [usize; 3],
    first: [usize; 2],
    planes: usize,
}

impl Slab {
    fn plane_stride(&self) -> usize {
        self.padded[1] * self.padded[2]
    }

    /// Flat positions: the rows of all planes with what lies between them, where the gradient is 0.
    fn flat(&self) -> usize {
        self.planes * self.plane_stride()
    }

    /// Values of one channel of the gradient, a whole number of the widest vectors.
    fn gradient_stride(&self) -> usize {
        self.flat().next_multiple_of(WIDEST)
    }

    fn input_stride(&self) -> usize {
        (self.planes + 2) * self.plane_stride()
    }

    /// Copies the slab's planes of every channel, padded to one row stride.
    fn copy(&self, x: &[f32], gradient: &[f32], (padded_x, padded_g): &mut (Vec<f32>, Vec<f32>)) {
        let [n, z] = self.first;
        let row_stride = self.padded[2];
        let window = |volumes: Volumes, first: [isize; 2], planes, left| Window {
            sides: volumes.sides,
            first,
            count: [planes, self.padded[1]],
            left,
            row_stride,
            plane_stride: self.plane_stride(),
        };
        let first = [z as isize - self.padding[0] as isize, -(self.padding[1] as isize)];
        let of_x = window(self.x, first, self.planes + 2, self.padding[2]);
        let of_g = window(self.out, [z as isize, 0], self.planes, 0);
        // After the last channel a vector may read past its end, at the last tap.
        padded_x.resize(self.x.channels * self.input_stride() + 2 * row_stride + 2 + 2 * WIDEST, 0.0);
        padded_g.resize(self.out.channels.next_multiple_of(BLOCK) * self.gradient_stride(), 0.0);
        padded_x.par_chunks_exact_mut(self.input_stride()).take(self.x.channels).enumerate().for_each(|(c, to)| {
            of_x.copy(channel(x, self.x, n, c), to);
        });
        padded_g.par_chunks_exact_mut(self.gradient_stride()).enumerate().for_each(|(c, to)| {
            if c < self.out.channels {
                of_g.copy(channel(gradient, self.out, n, c), to);
                to[self.flat()..].fill(0.0);
            } else {
                to.fill(0.0);
            }
        });
    }

    /// Adds this slab's sums to those of every weight, packed [out block][in][kernel plane][9 taps][BLOCK].
    fn accumulate(&self, path: Path, x: &[f32], gradient: &[f32], sums: &mut [f64]) {
        let (input_stride, gradient_stride) = (self.input_stride(), self.gradient_stride());
        let (row_stride, plane_stride) = (self.padded[2], self.plane_stride());
        sums.par_chunks_exact_mut(BLOCK * TAPS / 3).enumerate().for_each(|(task, sums)| {
            let (kernel_plane, input, block) = (task % 3, task / 3 % self.x.channels, task / 3 / self.x.channels);
            let x = &x[input * input_stride + kernel_plane * plane_stride..];
            let g = &gradient[block * BLOCK * gradient_stride..][..BLOCK * gradient_stride];
            // The last vector of the last kernel row's last tap ends here.
            assert!(gradient_stride + 2 * row_stride + 2 <= x.len());
            for at in (0..gradient_stride).step_by(CHUNK) {
                let vectors = CHUNK.min(gradient_stride - at);
                for kernel_row in 0..3 {
                    let taps = &mut sums[kernel_row * 3 * BLOCK..][..3 * BLOCK];
                    let x = x[kernel_row * row_stride + at..].as_ptr();
                    let g = g[at..].as_ptr();
                    let sums = taps.as_mut_ptr();
                    on_path!(
                        path,
                        products(x: *const f32, g: *const f32, gradient_stride: usize, vectors: usize, sums: *mut f64)
                    );
                }
            }
        });
    }
}

fn channel(values: &[f32], volumes: Volumes, n: usize, c: usize) -> &[f32] {
    &values[(n * volumes.channels + c) * volumes.voxels()..][..volumes.voxels()]
}

/// `sums[tap][lane] += Σ over f of g[lane][f] · x[f + tap]` for three taps along a row and `count` positions.
///
/// # Safety
/// `x` is readable for `count + 2` values, each of the BLOCK channels of `g` for `count`, a multiple of V's width;
/// `sums` is writable for 3 · BLOCK values; the processor has V's instructions.
#[inline(always)]
unsafe fn products<V: Lanes>(x: *const f32, g: *const f32, stride: usize, count: usize, sums: *mut f64) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut partial = [[V::zero(); BLOCK]; 3];
        let mut at = 0;
        while at < count {
            let mut gradients = [V::zero(); BLOCK];
            for (lane, gradient) in gradients.iter_mut().enumerate() {
                *gradient = V::load(g.add(lane * stride + at));
            }
            for (tap, partial) in partial.iter_mut().enumerate() {
                let x = V::load(x.add(at + tap));
                for (sum, gradient) in partial.iter_mut().zip(gradients) {
                    *sum = sum.add_product(gradient, x);
                }
            }
            at += V::WIDTH;
        }
        for (n, sum) in partial.iter().flatten().enumerate() {
            *sums.add(n) += f64::from(sum.sum());
        }
    }
}

/// From the packed order to `[output, input, taps]`.
fn unpacked(sums: &[f64], output: usize, input: usize) -> Vec<f32> {
    let mut weights = vec![0.0; output * input * TAPS];
    for (pair, weights) in weights.chunks_exact_mut(TAPS).enumerate() {
        let (o, i) = (pair / input, pair % input);
        let from = &sums[((o / BLOCK) * input + i) * TAPS * BLOCK + o % BLOCK..];
        for (weight, sum) in weights.iter_mut().zip(from.iter().step_by(BLOCK)) {
            *weight = *sum as f32;
        }
    }
    weights
}
