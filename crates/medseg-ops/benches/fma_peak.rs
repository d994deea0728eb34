//! The f32 multiplications and additions that one core can make: what the kernels' speed is a share of.
//!
//! `cargo bench --profile dev -p medseg-ops --bench fma_peak`

use std::time::Instant;

/// Independent sums, enough to hide the latency of an addition.
const SUMS: usize = 12;
const ROUNDS: usize = 20_000_000;

/// Defines a function that makes ROUNDS · SUMS vector operations with some instructions.
macro_rules! fused {
    ($name:ident, $features:literal, $width:literal) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        fn $name(factor: f32) -> f32 {
            let mut sums = [[0.5f32; $width]; SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    for value in sum {
                        *value = value.mul_add(factor, 1e-3);
                    }
                }
            }
            sums.iter().flatten().sum()
        }
    };
}
fused!(avx512, "avx512f,fma", 16);
fused!(avx2, "avx2,fma", 8);

fn measure(name: &str, width: usize, run: impl Fn(f32) -> f32) {
    let factor = std::hint::black_box(0.999);
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(run(factor));
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name}: {:.1} GFLOP/s", (2 * ROUNDS * SUMS * width) as f64 / best / 1e9);
}

fn main() {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the instructions.
            measure("AVX-512", 16, |factor| unsafe { avx512(factor) });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            measure("AVX2", 8, |factor| unsafe { avx2(factor) });
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    println!("only written for x86-64");
}
