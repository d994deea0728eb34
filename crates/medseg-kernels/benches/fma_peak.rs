//! The f32 multiplications and additions that one core can make: what the kernels' speed is a share of.
//!
//! `cargo bench --profile dev -p medseg-kernels --bench fma_peak`

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{__m256, __m512, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_fmadd_ps, _mm512_set1_ps};
    use std::hint::black_box;
    use std::time::Instant;

    /// Independent sums, enough to hide the latency of an addition.
    const SUMS: usize = 12;
    const ROUNDS: usize = 20_000_000;

    #[target_feature(enable = "avx512f")]
    fn avx512() -> [__m512; SUMS] {
        let (factor, term) = black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3)));
        let mut sums = [term; SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, factor, term);
            }
        }
        sums
    }

    #[target_feature(enable = "avx,fma")]
    fn avx2() -> [__m256; SUMS] {
        let (factor, term) = black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3)));
        let mut sums = [term; SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, factor, term);
            }
        }
        sums
    }

    fn measure<V>(name: &str, run: impl Fn() -> [V; SUMS]) {
        let seconds = |_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64()
        };
        let best = (0..5).map(seconds).fold(f64::INFINITY, f64::min);
        let operations = 2 * ROUNDS * size_of::<[V; SUMS]>() / size_of::<f32>();
        println!("{name}: {:.1} GFLOP/s", operations as f64 / best / 1e9);
    }

    pub fn all() {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the instructions.
            measure("AVX-512", || unsafe { avx512() });
        }
        if is_x86_feature_detected!("avx") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            measure("AVX2", || unsafe { avx2() });
        }
    }
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    x86::all();
    #[cfg(not(target_arch = "x86_64"))]
    println!("only written for x86-64");
}
