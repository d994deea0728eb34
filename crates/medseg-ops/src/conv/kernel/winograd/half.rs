//! Products of bf16 numbers with sums in f32, on processors with AVX512-BF16.
//!
//! A word holds the bf16 of two channels, the even one in its lower half; one instruction adds the products of both to
//! an f32. Words are kept in arrays of f32, of which only the bits count.

use crate::vectorised::vectorised;

/// Whether this processor has the instructions.
pub(in super::super::super) fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512bf16")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

vectorised! {
    /// Packs the values of two channels into words, rounded to the nearest bf16, ties to even.
    pub(super) fn pack(even: &[f32], odd: &[f32], words: &mut [f32]) {
        for ((word, &even), &odd) in words.iter_mut().zip(even).zip(odd) {
            *word = self::word(even, odd);
        }
    }
}

/// A word of two values.
#[inline(always)]
pub(super) fn word(even: f32, odd: f32) -> f32 {
    f32::from_bits(rounded(even) >> 16 | rounded(odd) & 0xffff_0000)
}

/// The bits of an f32 whose upper half is the nearest bf16.
#[inline(always)]
fn rounded(value: f32) -> u32 {
    let bits = value.to_bits();
    // A NaN may lose the bits that make it one: keep it quiet instead.
    if value.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(0x7fff + (bits >> 16 & 1)) }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use crate::conv::kernel::lanes::Lanes;

    /// A vector of sums in f32, or of words.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Words(__m512);

    impl Lanes for Words {
        const WIDTH: usize = 16;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY (this and the following): the caller runs on a processor with AVX512-BF16 and passes valid pointers.
            Self(unsafe { _mm512_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        /// self + the products of both channels of the words a and b.
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: vectors of the same size, of which any bits are valid.
            unsafe {
                let (a, b) =
                    (std::mem::transmute::<__m512, __m512bh>(a.0), std::mem::transmute::<__m512, __m512bh>(b.0));
                Self(_mm512_dpbf16_ps(self.0, a, b))
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::Words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_the_nearest_bf16_of_both_channels() {
        let even = [1.0, -2.5, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, f32::NAN, f32::INFINITY, f32::MAX];
        let odd = [0.0, 3.0, -1.0, 0.5, 1.0, f32::NEG_INFINITY, 2.0];
        let mut words = [0.0; 7];
        pack(&even, &odd, &mut words);
        let halves = |n: usize| {
            let bits = words[n].to_bits();
            [f32::from_bits(bits << 16), f32::from_bits(bits & 0xffff_0000)]
        };
        assert_eq!([halves(0), halves(1)], [[1.0, 0.0], [-2.5, 3.0]]);
        // Between 1 and 1 + 1/128: to the even one. Between 1 + 1/128 and 1 + 2/128: likewise.
        assert_eq!([halves(2), halves(3)], [[1.0, -1.0], [1.015_625, 0.5]]);
        assert!(halves(4)[0].is_nan());
        assert_eq!(halves(5), [f32::INFINITY, f32::NEG_INFINITY]);
        assert_eq!(halves(6), [f32::INFINITY, 2.0]);
    }
}
