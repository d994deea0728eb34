//! The products: where the time goes.

use super::regions::Vectors;
use super::{BLOCK, TAPS};
use crate::conv::Arithmetic;
#[cfg(target_arch = "x86_64")]
use crate::isa::Avx512Bf16;
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Vectors of flat positions computed together.
const VECTORS: usize = 3;

/// `m[lane][n] = Σ over channels and taps of weight · v[channel][f + tap]` for one point and the positions f of all
/// `vectors`, one after the other.
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
    vectors: Vectors,
    m: &mut [f32],
    m_stride: usize,
    lanes: usize,
) {
    let channels = weights.len() / (TAPS * BLOCK);
    let last = vectors.position(vectors.count() - 1);
    assert!((channels - 1) * v_stride + last + WIDEST + TAPS - 1 <= v.len());
    assert!(vectors.len() <= m_stride && BLOCK * m_stride <= m.len() && lanes <= BLOCK);
    let (v, weights, m) = (v.as_ptr(), weights.as_ptr(), m.as_mut_ptr());
    #[cfg(target_arch = "x86_64")]
    if arithmetic == Arithmetic::Bf16 {
        // SAFETY: the reach is asserted above, and there are words only where the processor has the instructions.
        unsafe { words(v, v_stride, channels, weights, vectors, m, m_stride, lanes) };
        return;
    }
    on_isa!(
        isa,
        rows(
            v: *const f32, v_stride: usize, channels: usize, weights: *const f32,
            vectors: Vectors, m: *mut f32, m_stride: usize, lanes: usize,
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
    vectors: Vectors,
    m: *mut f32,
    m_stride: usize,
    lanes: usize,
) {
    // SAFETY: the caller's promises.
    unsafe { rows::<Avx512Bf16>(v, v_stride, channels, weights, vectors, m, m_stride, lanes) }
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
    vectors: Vectors,
    m: *mut f32,
    m_stride: usize,
    lanes: usize,
) {
    let (mut done, all) = (0, vectors.count());
    while done < all {
        // Four vectors are better done as two and two than as three and one.
        let count = if all - done == 4 { 2 } else { (all - done).min(VECTORS) };
        // SAFETY: every vector lies where `products` asserts.
        unsafe {
            let m = m.add(done * V::WIDTH);
            match count {
                1 => lanes_of::<V, 1>(at(v, vectors, done), v_stride, channels, weights, m, m_stride, lanes),
                2 => lanes_of::<V, 2>(at(v, vectors, done), v_stride, channels, weights, m, m_stride, lanes),
                _ => lanes_of::<V, VECTORS>(at(v, vectors, done), v_stride, channels, weights, m, m_stride, lanes),
            }
        }
        done += count;
    }
}

/// The first values of N vectors.
///
/// # Safety
/// They lie where `v` is readable.
#[inline(always)]
unsafe fn at<const N: usize>(v: *const f32, vectors: Vectors, first: usize) -> [*const f32; N] {
    // SAFETY: the caller's promise.
    std::array::from_fn(|n| unsafe { v.add(vectors.position(first + n)) })
}

/// The lanes of a chunk: together where the registers hold them, else in halves.
///
/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn lanes_of<V: Lanes, const N: usize>(
    v: [*const f32; N],
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
    mut v: [*const f32; N],
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
                for (x, v) in x.iter_mut().zip(v) {
                    *x = V::load(v.add(tap));
                }
                for (lane, sums) in sums.iter_mut().enumerate() {
                    let w = V::splat(*weights.add(tap * BLOCK + lane));
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = sum.add_product(w, x);
                    }
                }
            }
            v = v.map(|v| v.wrapping_add(v_stride));
            weights = weights.add(TAPS * BLOCK);
        }
        for (lane, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                sum.store(m.add(lane * m_stride + i * V::WIDTH));
            }
        }
    }
}
