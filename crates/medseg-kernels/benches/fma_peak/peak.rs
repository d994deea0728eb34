//! The f32 multiplications and additions that cores can make.

use crate::clock::seconds_of;

/// Independent sums, enough to hide the latency of an addition.
const SUMS: usize = 12;

/// An instruction set: its name, the values of a vector, and a function that makes so many rounds of products.
pub type Unit = (&'static str, usize, fn(usize));

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};
    use std::hint::black_box;

    use super::SUMS;

    #[target_feature(enable = "avx512f")]
    pub fn avx512(rounds: usize) {
        let (factor, term) = black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3)));
        let mut sums = [term; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, term);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx,fma")]
    pub fn avx2(rounds: usize) {
        let (factor, term) = black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3)));
        let mut sums = [term; SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, term);
            }
        }
        black_box(sums);
    }
}

/// The instruction sets of this processor, the widest first.
pub fn units() -> Vec<Unit> {
    #[allow(unused_mut, reason = "on targets with nothing else")]
    let mut units: Vec<Unit> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the instructions.
            units.push(("AVX-512", 16, |rounds| unsafe { x86::avx512(rounds) }));
        }
        if is_x86_feature_detected!("avx") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            units.push(("AVX2", 8, |rounds| unsafe { x86::avx2(rounds) }));
        }
    }
    units
}

/// Operations a second, in thousands of millions, of `threads` threads that each make so many rounds of products.
pub fn speed((_, lanes, products): Unit, rounds: usize, threads: usize) -> f64 {
    let seconds = seconds_of(|| {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| products(rounds));
            }
        });
    });
    (2 * SUMS * lanes * rounds * threads) as f64 / seconds / 1e9
}
