//! Rows of f16, converted many values at a time.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Least magnitude that f16 rounds to infinity.
pub(crate) const OVERFLOW: f32 = 65520.0;

/// f16 to f32, exactly. Both rows have the same length.
pub(crate) fn widen(from: &[f16], to: &mut [f32]) {
    from.convert_to_f32_slice(to);
}

/// f32 to f16, to nearest even. Both rows have the same length.
pub(crate) fn narrow(from: &[f32], to: &mut [f16]) {
    to.convert_from_f32_slice(from);
}

/// f64 to the nearest f16 (ties to even), as f32.
///
/// Rounding by way of f32 would round twice. An f32 that is rounded to odd first keeps what decides a tie.
pub(crate) fn round_f64(from: &[f64], to: &mut [f32], scratch: &mut [f16]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = round_to_odd(*from);
    }
    narrow(to, scratch);
    widen(scratch, to);
}

/// Truncates to f32 and sets the last bit if anything was cut off.
fn round_to_odd(value: f64) -> f32 {
    let near = value as f32;
    let back = f64::from(near);
    if back == value || value.is_nan() {
        return near;
    }
    let bits = near.to_bits();
    let truncated = if back.abs() > value.abs() { bits - 1 } else { bits };
    f32::from_bits(truncated | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Midpoint of every pair of neighbouring f16 values, and its neighbours in f32 and f64.
    #[test]
    fn every_tie_goes_to_even() {
        let mut f32s = Vec::new();
        let mut f64s = Vec::new();
        let (mut want32, mut want64) = (Vec::new(), Vec::new());
        for bits in 0..0x7bff_u16 {
            let (low, high) = (f16::from_bits(bits), f16::from_bits(bits + 1));
            let even = if bits % 2 == 0 { low } else { high };
            let middle = f32::midpoint(low.to_f32(), high.to_f32());
            let exact = f64::from(middle);
            for sign in [1.0_f32, -1.0] {
                f32s.extend([middle, middle.next_down(), middle.next_up()].map(|v| v * sign));
                want32.extend([even, low, high].map(|v| v.to_f32() * sign));
                f64s.extend([exact, exact.next_down(), exact.next_up()].map(|v| v * f64::from(sign)));
                want64.extend([even, low, high].map(|v| v.to_f32() * sign));
            }
        }
        let mut halves = vec![f16::ZERO; f32s.len()];
        let mut got = vec![0.0; f32s.len()];
        narrow(&f32s, &mut halves);
        widen(&halves, &mut got);
        assert_eq!(got, want32);
        // The conversion without the processor's instruction.
        let software: Vec<f16> = f32s.iter().map(|value| f16::from_f32_const(*value)).collect();
        assert_eq!(software, halves);
        round_f64(&f64s, &mut got, &mut halves);
        assert_eq!(got, want64);
    }

    #[test]
    fn the_least_overflow_is_infinite() {
        let mut halves = [f16::ZERO; 2];
        narrow(&[OVERFLOW, OVERFLOW.next_down()], &mut halves);
        assert_eq!(halves, [f16::INFINITY, f16::MAX]);
        let mut got = [0.0; 3];
        round_f64(&[1e300, -1e-300, 65519.999], &mut got, &mut [f16::ZERO; 3]);
        assert_eq!(got, [f32::INFINITY, 0.0, 65504.0]);
    }
}
