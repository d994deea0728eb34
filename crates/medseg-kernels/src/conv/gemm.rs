//! A small matrix times many columns.

use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Output channels computed together.
pub(crate) const BLOCK: usize = 8;
/// Vectors of voxels computed together.
const VECTORS: usize = 3;

/// `outs[lane][v] = Σ over channels of weight[channel][lane] · x[channel][v]` for `count` voxels.
pub(crate) fn gemm(isa: Isa, x: &[&[f32]], weights: &[f32], outs: &mut [&mut [f32]], count: usize) {
    let lanes = outs.len();
    assert!(lanes <= BLOCK && weights.len() == x.len() * BLOCK);
    assert!(x.iter().all(|x| x.len() == count) && outs.iter().all(|out| out.len() == count));
    if count < WIDEST {
        return padded(isa, x, weights, outs, count);
    }
    let mut to = [std::ptr::null_mut(); BLOCK];
    to.iter_mut().zip(outs).for_each(|(to, out)| *to = out.as_mut_ptr());
    on_isa!(isa, gemm_rows(x: &[&[f32]], weights: &[f32], to: [*mut f32; BLOCK], lanes: usize, count: usize));
}

/// [`gemm`] of fewer voxels than a vector holds, with zeros after them.
fn padded(isa: Isa, x: &[&[f32]], weights: &[f32], outs: &mut [&mut [f32]], count: usize) {
    let (mut values, mut sums) = (vec![0.0; x.len() * WIDEST], [[0.0; WIDEST]; BLOCK]);
    values.chunks_exact_mut(WIDEST).zip(x).for_each(|(to, from)| to[..count].copy_from_slice(from));
    let values: Vec<&[f32]> = values.chunks_exact(WIDEST).collect();
    let mut to: Vec<&mut [f32]> = sums.iter_mut().take(outs.len()).map(|sums| &mut sums[..]).collect();
    gemm(isa, &values, weights, &mut to, WIDEST);
    outs.iter_mut().zip(&sums).for_each(|(out, sums)| out.copy_from_slice(&sums[..count]));
}

/// # Safety
/// Each of `x` is readable and each of the first `lanes` of `to` writable for `count` values, at least [`WIDEST`]; `weights` holds BLOCK for
/// each of `x`; the processor has V's instructions.
#[inline(always)]
unsafe fn gemm_rows<V: Lanes>(x: &[&[f32]], weights: &[f32], to: [*mut f32; BLOCK], lanes: usize, count: usize) {
    // SAFETY: vectors lie wholly below `count`, which is a vector at least.
    unsafe {
        let mut at = 0;
        while count - at >= V::WIDTH {
            // Four vectors are better done as two and two than as three and one.
            let vectors = match (count - at) / V::WIDTH {
                4 => 2,
                left => left.min(VECTORS),
            };
            match vectors {
                1 => chunk::<V, 1>(x, weights, to, lanes, at),
                2 => chunk::<V, 2>(x, weights, to, lanes, at),
                _ => chunk::<V, VECTORS>(x, weights, to, lanes, at),
            }
            at += vectors * V::WIDTH;
        }
        if at < count {
            // Some voxels once more: each is the same sum wherever its vector begins.
            chunk::<V, 1>(x, weights, to, lanes, count - V::WIDTH);
        }
    }
}

/// The lanes of N vectors: together where the registers hold them, else in halves.
///
/// # Safety
/// As [`gemm_rows`].
#[inline(always)]
unsafe fn chunk<V: Lanes, const N: usize>(
    x: &[&[f32]],
    weights: &[f32],
    to: [*mut f32; BLOCK],
    lanes: usize,
    at: usize,
) {
    const HALF: usize = BLOCK / 2;
    // SAFETY: the caller's promise.
    unsafe {
        let (weights, to) = (weights.as_ptr(), to.as_ptr());
        if V::REGISTERS >= 32 && lanes > HALF {
            sums::<V, N, BLOCK>(x, weights, to, lanes, at);
            return;
        }
        sums::<V, N, HALF>(x, weights, to, lanes.min(HALF), at);
        if lanes > HALF {
            sums::<V, N, HALF>(x, weights.add(HALF), to.add(HALF), lanes - HALF, at);
        }
    }
}

/// L lanes of N vectors from voxel `at`; writes the first `lanes` of them.
///
/// # Safety
/// As [`gemm_rows`].
#[inline(always)]
unsafe fn sums<V: Lanes, const N: usize, const L: usize>(
    x: &[&[f32]],
    weights: *const f32,
    to: *const *mut f32,
    lanes: usize,
    at: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); N]; L];
        for (c, x) in x.iter().enumerate() {
            let x = x.as_ptr().add(at);
            let values: [V; N] = std::array::from_fn(|i| V::load(x.add(i * V::WIDTH)));
            for (lane, sums) in sums.iter_mut().enumerate() {
                let w = V::splat(*weights.add(c * BLOCK + lane));
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = sum.add_product(w, value);
                }
            }
        }
        for (lane, sums) in sums.iter().enumerate().take(lanes) {
            let to = (*to.add(lane)).add(at);
            for (i, sum) in sums.iter().enumerate() {
                sum.store(to.add(i * V::WIDTH));
            }
        }
    }
}
