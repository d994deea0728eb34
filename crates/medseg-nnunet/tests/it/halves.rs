//! f16 values that golden files hold as bits.

use half::f16;
use medseg_testing::Golden;
use ndarray::Array4;

/// A tensor of bits as f16.
pub fn halves(golden: &Golden, name: &str) -> Vec<f16> {
    golden.tensor(name).values.iter().map(|bits| f16::from_bits(*bits as u16)).collect()
}

/// Logits [class, depth, height, width].
pub fn logits(golden: &Golden, name: &str) -> Array4<f16> {
    Array4::from_shape_vec(golden.tensor(name).dims::<4>(), halves(golden, name)).expect("four axes")
}

/// Bits, for comparisons that rounding must not pass.
pub fn bits<'a>(values: impl IntoIterator<Item = &'a f16>) -> Vec<u16> {
    values.into_iter().map(|value| value.to_bits()).collect()
}

/// A list of numbers of the case.
pub fn list<const N: usize>(golden: &Golden, name: &str) -> [usize; N] {
    serde_json::from_value::<Vec<usize>>(golden.params[name].clone())
        .ok()
        .and_then(|values| values.try_into().ok())
        .unwrap_or_else(|| panic!("{}: {name}", golden.name))
}
