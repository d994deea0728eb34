//! AVX2, AVX-512, and AVX-512 with bf16 products.

use std::arch::x86_64::*;

use super::Lanes;

/// AVX2 with FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(__m256);

impl Lanes for Avx2 {
    const WIDTH: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY (this and the following): the caller runs on a processor with AVX2 and FMA and passes valid pointers.
        Self(unsafe { _mm256_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(unsafe { _mm256_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let half = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
            let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
        }
    }
}

/// Defines a vector of 16 values for AVX-512 with its own product.
macro_rules! avx512 {
    ($(#[$doc:meta])* $name:ident, $sum:ident + $a:ident * $b:ident = $product:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(__m512);

        impl Lanes for $name {
            const WIDTH: usize = 16;
            const REGISTERS: usize = 32;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY (this and the following): the caller runs on a processor with the instructions and passes valid
                // pointers.
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

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                let ($sum, $a, $b) = (self.0, a.0, b.0);
                Self(unsafe { $product })
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
    };
}

avx512!(
    /// AVX-512.
    Avx512,
    sum + a * b = _mm512_fmadd_ps(a, b, sum)
);
avx512!(
    /// AVX-512 with AVX512-BF16: sums in f32 of the products of words, each of the bf16 of two channels.
    Avx512Bf16,
    // Vectors of the same size, of which any bits are valid.
    sum + a * b = _mm512_dpbf16_ps(sum, std::mem::transmute::<__m512, __m512bh>(a), std::mem::transmute::<__m512, __m512bh>(b))
);
