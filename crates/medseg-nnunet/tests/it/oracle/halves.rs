//! Rounding to f16.

use half::f16;

/// The nearest f16, of two equally near ones the even one. Rounding to f32 first may end at another.
pub fn half_of_f64(value: f64) -> f32 {
    let guess = f16::from_f32(value as f32).to_bits();
    let distance = |bits: u16| (f16::from_bits(bits).to_f64() - value).abs();
    let nearer = |a: &u16, b: &u16| distance(*a).total_cmp(&distance(*b)).then((a & 1).cmp(&(b & 1)));
    let around = [guess.wrapping_sub(1), guess, guess + 1];
    f16::from_bits(around.into_iter().min_by(nearer).unwrap_or(guess)).to_f32()
}

/// The nearest f16.
pub fn half_of_f32(value: f32) -> f32 {
    f16::from_f32(value).to_f32()
}
