//! Speed of multiplications and additions, measured.

use std::hint::black_box;
use std::time::Instant;

use super::{Isa, Lanes, on_isa};

/// Sums that do not wait for each other: enough for two units of a latency of four or five cycles.
const SUMS: usize = 12;
/// Steps of a round: less than a millisecond.
const STEPS: usize = 20_000;
/// Rounds, the fastest of which counts.
const ROUNDS: usize = 7;

impl Isa {
    /// Operations that one thread makes in a second at most, counting a multiplication and an addition as two: measured in
    /// a few milliseconds by sums in registers. No convolution is faster in the products that it really makes.
    ///
    /// ```
    /// let peak = medseg_kernels::Isa::detect().measured_peak();
    /// assert!(peak > 1e8, "{:.0} GFLOP/s", peak / 1e9);
    /// ```
    #[must_use]
    pub fn measured_peak(self) -> f64 {
        let seconds = |_| {
            let start = Instant::now();
            let mut result = 0.0;
            let (to, factor): (*mut f32, f32) = (&raw mut result, black_box(0.999));
            // The pointer is of a value that lives until the kernel returns.
            on_isa!(self, sums(factor: f32, to: *mut f32));
            black_box(result);
            start.elapsed().as_secs_f64()
        };
        let fastest = (0..ROUNDS).map(seconds).fold(f64::INFINITY, f64::min);
        (2 * SUMS * STEPS * self.lanes()) as f64 / fastest
    }
}

/// Writes the total of many sums of products to `to`.
///
/// # Safety
/// `to` is writable for a value; the processor has V's instructions.
#[inline(always)]
unsafe fn sums<V: Lanes>(factor: f32, to: *mut f32) {
    // SAFETY: the caller's promises.
    unsafe {
        let (factor, term) = (V::splat(factor), V::splat(1e-3));
        let mut sums = [term; SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = term.add_product(*sum, factor);
            }
        }
        let total = sums.into_iter().fold(V::zero(), |total, sum| total.add(sum));
        *to = total.sum();
    }
}
