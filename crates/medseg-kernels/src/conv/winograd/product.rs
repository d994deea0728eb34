//! The products: where the time goes.

use super::arithmetic::Arithmetic;
use super::{BLOCK, TAPS};
#[cfg(target_arch = "x86_64")]
use crate::isa::Avx512Bf16;
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Vectors of flat positions computed together.
const VECTORS: usize = 3;

/// `m[lane][f] = Σ over channels and taps of weight · v[channel][f + tap]` for one point and `flat` positions f.
///
/// In half arithmetic a channel is a word of two. `v` holds `channels` rows, `v_stride` from one to the next; `weights`
/// [channel][tap][BLOCK]; `m` BLOCK rows, `m_stride` from one to the next. Only the first `lanes` rows of `m` are needed.
#[allow(clippy::too_many_arguments, reason = "a matrix product has many sizes")]
pub(crate) fn products(
    isa: Isa,
    arithmetic: Arithmetic,
    v: &[f32],
    v_stride: usize,
    weights: &[f32],
    flat: usize,
    m: &mut [f32],
    m_stride: usize,
    lanes: usize,
) {
    let channels = weights.len() / (TAPS * BLOCK);
    // The last vector begins below `flat`, so it ends less than its width past it; at the last tap two further.
    assert!((channels - 1) * v_stride + flat + WIDEST + 2 <= v.len());
    assert!(flat + WIDEST <= m_stride && BLOCK * m_stride <= m.len() && lanes <= BLOCK);
    let (v, weights, m) = (v.as_ptr(), weights.as_ptr(), m.as_mut_ptr());
    #[cfg(target_arch = "x86_64")]
    if arithmetic == Arithmetic::Bf16 {
        // SAFETY: the reach is asserted above, and there are words only where the processor has the instructions.
        unsafe { words(v, v_stride, channels, weights, flat, m, m_stride, lanes) };
        return;
    }
    on_isa!(
        isa,
        rows(
            v: *const f32, v_stride: usize, channels: usize, weights: *const f32,
            flat: usize, m: *mut f32, m_stride: usize, lanes: usize,
        )
    );
}

/// The products of words.
///
/// # Safety
/// As [`rows`]; the processor has AVX512-BF16.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[allow(clippy::too_many_arguments, reason = "as products")]
unsafe fn words(
    v: *const f32,
    v_stride: usize,
    channels: usize,
    weights: *const f32,
    flat: usize,
    m: *mut f32,
    m_stride: usize,
    lanes: usize,
) {
    // SAFETY: the caller's promises.
    unsafe { rows::<Avx512Bf16>(v, v_stride, channels, weights, flat, m, m_stride, lanes) }
}

/// All chunks of the flat range.
///
/// # Safety
/// `v`, `weights` and `m` reach as far as [`products`] asserts, and the processor has V's instructions.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "as products")]
unsafe fn rows<V: Lanes>(
    v: *const f32,
    v_stride: usize,
    channels: usize,
    weights: *const f32,
    flat: usize,
    m: *mut f32,
    m_stride: usize,
    lanes: usize,
) {
    let mut at = 0;
    while at < flat {
        let left = (flat - at).div_ceil(V::WIDTH);
        // Four vectors are better done as two and two than as three and one.
        let count = if left == 4 { 2 } else { left.min(VECTORS) };
        // SAFETY: a chunk begins below `flat` and ends less than a vector past it.
        unsafe {
            let (v, m) = (v.add(at), m.add(at));
            match count {
                1 => lanes_of::<V, 1>(v, v_stride, channels, weights, m, m_stride, lanes),
                2 => lanes_of::<V, 2>(v, v_stride, channels, weights, m, m_stride, lanes),
                _ => lanes_of::<V, VECTORS>(v, v_stride, channels, weights, m, m_stride, lanes),
            }
        }
        at += count * V::WIDTH;
    }
}

/// The lanes of a chunk: together where the registers hold them, else in halves.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn lanes_of<V: Lanes, const N: usize>(
    v: *const f32,
    v_stride: usize,
    channels: usize,
    weights: *const f32,
    m: *mut f32,
    m_stride: usize,
    lanes: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        if V::REGISTERS >= 32 && lanes > BLOCK / 2 {
            chunk::<V, N, BLOCK>(v, v_stride, channels, weights, m, m_stride);
            return;
        }
        chunk::<V, N, { BLOCK / 2 }>(v, v_stride, channels, weights, m, m_stride);
        if lanes > BLOCK / 2 {
            chunk::<V, N, { BLOCK / 2 }>(
                v,
                v_stride,
                channels,
                weights.add(BLOCK / 2),
                m.add(BLOCK / 2 * m_stride),
                m_stride,
            );
        }
    }
}

/// L lanes of N vectors of positions, held in registers over all channels and taps.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn chunk<V: Lanes, const N: usize, const L: usize>(
    mut v: *const f32,
    v_stride: usize,
    channels: usize,
    mut weights: *const f32,
    m: *mut f32,
    m_stride: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); N]; L];
        for _ in 0..channels {
            for tap in 0..TAPS {
                let mut x = [V::zero(); N];
                for (i, x) in x.iter_mut().enumerate() {
                    *x = V::load(v.add(tap + i * V::WIDTH));
                }
                for (lane, sums) in sums.iter_mut().enumerate() {
                    let w = V::splat(*weights.add(tap * BLOCK + lane));
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = sum.add_product(w, x);
                    }
                }
            }
            v = v.wrapping_add(v_stride);
            weights = weights.add(TAPS * BLOCK);
        }
        for (lane, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                sum.store(m.add(lane * m_stride + i * V::WIDTH));
            }
        }
    }
}
