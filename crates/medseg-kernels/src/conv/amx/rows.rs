//! Packing of a row of two channels.

use crate::conv::source::{Scale, StoredRow};
use crate::conv::words;

/// Buffers of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Rows of both channels as they are read.
    read: [Vec<f32>; 2],
    /// A row before it is upsampled along the width.
    half: Vec<f32>,
}

/// Packs a row of one or two channels into words, one a position. A single channel that is `divided` fills both halves.
pub(crate) fn pack(
    even: StoredRow<'_>,
    odd: Option<StoredRow<'_>>,
    divided: bool,
    to: &mut [f32],
    Scratch { read: [even_row, odd_row], half }: &mut Scratch,
) {
    #[cfg(target_arch = "x86_64")]
    if words::available() && !divided {
        // SAFETY: the processor has the instructions.
        unsafe {
            match (even, odd) {
                (StoredRow::Plain(even), Some(StoredRow::Plain(odd))) => return vectors::plain(even, odd, to),
                (StoredRow::Scaled(even, a), Some(StoredRow::Scaled(odd, b))) => {
                    return vectors::scaled(even, odd, [a, b], to);
                }
                (StoredRow::Upsampled(even, axis), Some(StoredRow::Upsampled(odd, other)))
                    if std::ptr::eq(axis, other) =>
                {
                    return vectors::upsampled([even, odd], axis, to, half);
                }
                _ => {}
            }
        }
    }
    even_row.resize(to.len(), 0.0);
    even.write(even_row, half);
    match odd {
        Some(odd) => {
            odd_row.resize(to.len(), 0.0);
            odd.write(odd_row, half);
        }
        None if divided => return words::divide(even_row, to),
        None => {
            odd_row.clear();
            odd_row.resize(to.len(), 0.0);
        }
    }
    words::pack(even_row, odd_row, to);
}

/// The same with the processor's own rounding to bf16, sixteen positions at a time.
#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::{
        __m512, __m512i, __mmask16, _CMP_LE_OQ, _mm512_add_epi32, _mm512_add_ps, _mm512_cmp_ps_mask,
        _mm512_cvtne2ps_pbh, _mm512_fmadd_ps, _mm512_loadu_epi16, _mm512_loadu_epi32, _mm512_loadu_ps,
        _mm512_mask_mul_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps, _mm512_permutexvar_epi16,
        _mm512_permutexvar_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_sub_ps,
    };

    use super::Scale;
    use crate::conv::source::Blend;
    use crate::upsample::Axis;

    /// Positions of a vector.
    const WIDTH: usize = 16;

    /// Halves of words: the even channel's and the odd one's by turns.
    static BY_TURNS: [u16; 32] = {
        let mut order = [0; 32];
        let mut n = 0;
        while n < 32 {
            order[n] = (n / 2 + n % 2 * 16) as u16;
            n += 1;
        }
        order
    };

    /// The first of both input voxels of sixteen voxels of a doubled axis, from the one before the first voxel's own.
    static SOURCES: [u32; WIDTH] = {
        let mut sources = [0; WIDTH];
        let mut n = 0;
        while n < WIDTH {
            sources[n] = n.div_ceil(2) as u32;
            n += 1;
        }
        sources
    };

    /// The first positions of a vector, as many as are left.
    #[inline(always)]
    fn mask(left: usize) -> __mmask16 {
        if left >= WIDTH { !0 } else { (1 << left) - 1 }
    }

    /// Writes the words of the positions of a mask.
    ///
    /// # Safety
    /// `to` is writable there; the processor has AVX512-BF16.
    #[inline(always)]
    unsafe fn write(even: __m512, odd: __m512, to: *mut f32, mask: __mmask16) {
        // SAFETY: vectors of the same size, of which any bits are valid; `to` is the caller's promise.
        unsafe {
            let halves: __m512i = std::mem::transmute(_mm512_cvtne2ps_pbh(odd, even));
            let words = _mm512_permutexvar_epi16(_mm512_loadu_epi16(BY_TURNS.as_ptr().cast()), halves);
            _mm512_mask_storeu_ps(to, mask, std::mem::transmute::<__m512i, __m512>(words));
        }
    }

    /// Rows as they are.
    ///
    /// # Safety
    /// The processor has AVX512-BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn plain(even: &[f32], odd: &[f32], to: &mut [f32]) {
        assert!(even.len() == to.len() && odd.len() == to.len());
        for x in (0..to.len()).step_by(WIDTH) {
            let mask = mask(to.len() - x);
            // SAFETY: the mask ends with the rows.
            unsafe {
                let a = _mm512_maskz_loadu_ps(mask, even.as_ptr().add(x));
                let b = _mm512_maskz_loadu_ps(mask, odd.as_ptr().add(x));
                write(a, b, to.as_mut_ptr().add(x), mask);
            }
        }
    }

    /// Rows through their channels' norm and ReLU.
    ///
    /// # Safety
    /// The processor has AVX512-BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn scaled(even: &[f32], odd: &[f32], scales: [Scale; 2], to: &mut [f32]) {
        assert!(even.len() == to.len() && odd.len() == to.len());
        for x in (0..to.len()).step_by(WIDTH) {
            let mask = mask(to.len() - x);
            // SAFETY: the mask ends with the rows.
            unsafe {
                let a = change(_mm512_maskz_loadu_ps(mask, even.as_ptr().add(x)), scales[0]);
                let b = change(_mm512_maskz_loadu_ps(mask, odd.as_ptr().add(x)), scales[1]);
                write(a, b, to.as_mut_ptr().add(x), mask);
            }
        }
    }

    /// As [`Scale::of`].
    ///
    /// # Safety
    /// The processor has AVX-512.
    #[inline(always)]
    unsafe fn change(x: __m512, Scale { shift, rest, scale, bias, slope }: Scale) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let x = _mm512_sub_ps(_mm512_sub_ps(x, _mm512_set1_ps(shift)), _mm512_set1_ps(rest));
            let y = _mm512_fmadd_ps(x, _mm512_set1_ps(scale), _mm512_set1_ps(bias));
            // A NaN is not below 0 and stays.
            let low = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(y, _mm512_set1_ps(0.0));
            _mm512_mask_mul_ps(y, low, y, _mm512_set1_ps(slope))
        }
    }

    /// Rows of twice the size, blended out of four.
    ///
    /// # Safety
    /// The processor has AVX512-BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn upsampled(rows: [Blend<'_>; 2], axis: &Axis, to: &mut [f32], half: &mut Vec<f32>) {
        let size = axis.size();
        let (first, second) = axis.weights();
        // A vector from before the first voxel to well after the last one.
        let stride = (size + 2 + WIDTH).next_multiple_of(WIDTH);
        if half.len() != 2 * stride {
            half.clear();
            half.resize(2 * stride, 0.0);
        }
        assert!(to.len() == 2 * size && first.len() >= to.len() && second.len() >= to.len());
        for (row, half) in rows.into_iter().zip(half.chunks_exact_mut(stride)) {
            // SAFETY: the processor has the instructions.
            unsafe { blend(row, &mut half[1..=size]) };
            // Both have the weight 0, with what is finite if the voxel itself is.
            half[0] = half[1];
            half[size + 1] = half[size];
        }
        let (a, b) = half.split_at(stride);
        for x in (0..to.len()).step_by(WIDTH) {
            let mask = mask(to.len() - x);
            // SAFETY: weights, and half rows from half of the position on, reach as far as the mask and a vector do.
            unsafe {
                let low = _mm512_loadu_epi32(SOURCES.as_ptr().cast());
                let high = _mm512_add_epi32(low, _mm512_set1_epi32(1));
                let first = _mm512_maskz_loadu_ps(mask, first.as_ptr().add(x));
                let second = _mm512_maskz_loadu_ps(mask, second.as_ptr().add(x));
                let even = doubled(a.as_ptr().add(x / 2), [low, high], [first, second]);
                let odd = doubled(b.as_ptr().add(x / 2), [low, high], [first, second]);
                write(even, odd, to.as_mut_ptr().add(x), mask);
            }
        }
    }

    /// Weighted sums of voxels of a vector.
    ///
    /// # Safety
    /// `half` is readable for a vector; the processor has AVX-512.
    #[inline(always)]
    unsafe fn doubled(half: *const f32, [low, high]: [__m512i; 2], [first, second]: [__m512; 2]) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let voxels = _mm512_loadu_ps(half);
            let (low, high) = (_mm512_permutexvar_ps(low, voxels), _mm512_permutexvar_ps(high, voxels));
            _mm512_fmadd_ps(low, first, _mm512_mul_ps(high, second))
        }
    }

    /// The weighted sum of four rows.
    ///
    /// # Safety
    /// The processor has AVX-512.
    #[inline(always)]
    unsafe fn blend(Blend { rows, weights }: Blend<'_>, to: &mut [f32]) {
        assert!(rows.iter().all(|row| row.len() == to.len()));
        let [a, b, c, d] = rows;
        for x in (0..to.len()).step_by(WIDTH) {
            let mask = mask(to.len() - x);
            // SAFETY: the mask ends with the rows.
            unsafe {
                let near = _mm512_fmadd_ps(
                    _mm512_maskz_loadu_ps(mask, a.as_ptr().add(x)),
                    _mm512_set1_ps(weights[0]),
                    _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, b.as_ptr().add(x)), _mm512_set1_ps(weights[1])),
                );
                let far = _mm512_fmadd_ps(
                    _mm512_maskz_loadu_ps(mask, c.as_ptr().add(x)),
                    _mm512_set1_ps(weights[2]),
                    _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, d.as_ptr().add(x)), _mm512_set1_ps(weights[3])),
                );
                _mm512_mask_storeu_ps(to.as_mut_ptr().add(x), mask, _mm512_add_ps(near, far));
            }
        }
    }
}
