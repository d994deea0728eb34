//! Products of bf16 numbers with sums in f32, on processors with AVX512-BF16.
//!
//! A word holds the bf16 of two channels, the even one in its lower half; one instruction adds the products of both to
//! an f32. Words are kept in arrays of f32, of which only the bits count.

use crate::isa::vectorised;

/// True if this processor has the instructions.
pub(crate) fn available() -> bool {
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
    pub(crate) fn pack(even: &[f32], odd: &[f32], words: &mut [f32]) {
        for ((word, &even), &odd) in words.iter_mut().zip(even).zip(odd) {
            *word = self::word(even, odd);
        }
    }

    /// Packs one channel into words of two parts: the nearest bf16 of a value, and that of what it lost.
    pub(crate) fn divide(values: &[f32], words: &mut [f32]) {
        for (word, &value) in words.iter_mut().zip(values) {
            let nearest = f32::from_bits(rounded(value) & 0xffff_0000);
            // Of what is not finite there is no rest.
            let rest = value - nearest;
            *word = self::word(nearest, if rest.is_finite() { rest } else { 0.0 });
        }
    }
}

/// A word of two values.
#[inline(always)]
pub(crate) fn word(even: f32, odd: f32) -> f32 {
    f32::from_bits(rounded(even) >> 16 | rounded(odd) & 0xffff_0000)
}

/// The bits of an f32 whose upper half is the nearest bf16.
#[inline(always)]
fn rounded(value: f32) -> u32 {
    let bits = value.to_bits();
    // A NaN may lose the bits that make it one: keep it quiet instead.
    if value.is_nan() { bits | 0x0040_0000 } else { bits.wrapping_add(0x7fff + (bits >> 16 & 1)) }
}

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
