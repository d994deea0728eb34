//! The products of the weights' gradient: rows of the input with rows of the output's gradient.

use super::TAPS;
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Adds to `sums` [channel][tap][block] for one point: Σ over positions f of g[f][block] · v[channel][f + tap].
///
/// `v` holds `channels` rows, `v_stride` from one to the next; `g` [positions][block], a block being a vector of the
/// isa; `positions` is even.
pub(crate) fn correlate(isa: Isa, v: &[f32], v_stride: usize, channels: usize, g: &[f32], sums: &mut [f32]) {
    let positions = g.len() / isa.lanes();
    assert!(positions.is_multiple_of(2) && channels > 0 && isa.lanes() <= WIDEST);
    assert!((channels - 1) * v_stride + positions + 2 <= v.len());
    assert!(channels * TAPS * isa.lanes() <= sums.len());
    let (v, g, sums) = (v.as_ptr(), g.as_ptr(), sums.as_mut_ptr());
    on_isa!(
        isa,
        groups(v: *const f32, v_stride: usize, channels: usize, g: *const f32, positions: usize, sums: *mut f32)
    );
}

/// All channels, in groups that fit the registers.
///
/// # Safety
/// `v`, `g` and `sums` reach as far as [`correlate`] asserts, and the processor has V's instructions.
#[inline(always)]
unsafe fn groups<V: Lanes>(
    v: *const f32,
    v_stride: usize,
    channels: usize,
    g: *const f32,
    positions: usize,
    sums: *mut f32,
) {
    let mut c = 0;
    while c < channels {
        let left = channels - c;
        // SAFETY: each group lies wholly below `channels`.
        unsafe {
            let (v, sums) = (v.add(c * v_stride), sums.add(c * TAPS * V::WIDTH));
            c += match left {
                8.. if V::REGISTERS >= 32 => group::<V, 8>(v, v_stride, g, positions, sums),
                4.. => group::<V, 4>(v, v_stride, g, positions, sums),
                2.. => group::<V, 2>(v, v_stride, g, positions, sums),
                _ => group::<V, 1>(v, v_stride, g, positions, sums),
            };
        }
    }
}

/// N channels; returns N.
///
/// # Safety
/// As [`groups`].
#[inline(always)]
unsafe fn group<V: Lanes, const N: usize>(
    v: *const f32,
    v_stride: usize,
    g: *const f32,
    positions: usize,
    sums: *mut f32,
) -> usize {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        let mut partial = [[V::zero(); TAPS]; N];
        let mut f = 0;
        // Two positions at a time share two of the values that three taps each read.
        while f < positions {
            let (first, second) = (V::load(g.add(f * V::WIDTH)), V::load(g.add((f + 1) * V::WIDTH)));
            for (c, partial) in partial.iter_mut().enumerate() {
                let v = v.add(c * v_stride + f);
                let x: [V; 4] = std::array::from_fn(|i| V::splat(*v.add(i)));
                for (tap, partial) in partial.iter_mut().enumerate() {
                    *partial = partial.add_product(first, x[tap]).add_product(second, x[tap + 1]);
                }
            }
            f += 2;
        }
        for (n, partial) in partial.iter().flatten().enumerate() {
            let to = sums.add(n * V::WIDTH);
            V::load(to).add(*partial).store(to);
        }
    }
    N
}
