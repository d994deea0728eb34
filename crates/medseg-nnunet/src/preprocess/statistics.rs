//! Mean and standard deviation with the rounding of NumPy's f32 sums.

/// Values that are added in eight running sums.
const BLOCK: usize = 128;

/// Values from which the halves of a sum are computed side by side.
const PARALLEL: usize = 1 << 16;

/// Mean and population standard deviation as NumPy computes them of an array in C order.
///
/// NumPy adds the halves of an array recursively, in f32. The order of additions is part of the result.
pub(super) fn mean_and_std(values: &[f32]) -> (f32, f32) {
    let mean = |sum: f32| (f64::from(sum) / values.len() as f64) as f32;
    let centre = mean(sum(values, &|value| value));
    let square = |value: f32| (value - centre) * (value - centre);
    (centre, mean(sum(values, &square)).sqrt())
}

fn sum(values: &[f32], term: &(impl Fn(f32) -> f32 + Sync)) -> f32 {
    if values.len() <= BLOCK {
        return block(values, term);
    }
    let half = values.len() / 2;
    let (lower, upper) = values.split_at(half - half % 8);
    if values.len() < PARALLEL {
        return sum(lower, term) + sum(upper, term);
    }
    let (lower, upper) = rayon::join(|| sum(lower, term), || sum(upper, term));
    lower + upper
}

fn block(values: &[f32], term: &impl Fn(f32) -> f32) -> f32 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut total = 0.0;
    if let Some((first, eights)) = eights.split_first() {
        let mut sums = first.map(term);
        for values in eights {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += term(*value));
        }
        let [a, b, c, d, e, f, g, h] = sums;
        total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    }
    rest.iter().fold(total, |total, value| total + term(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_f64_but_for_rounding() {
        for count in [1, 7, 8, 9, 127, 128, 129, 1000, 200_003] {
            let values: Vec<f32> = medseg_testing::noise(count, 3).into_iter().map(|value| value as f32).collect();
            let exact =
                |term: &dyn Fn(f64) -> f64| values.iter().map(|v| term((*v).into())).sum::<f64>() / count as f64;
            let mean = exact(&|value| value);
            let std = exact(&|value| (value - mean).powi(2)).sqrt();
            let got = mean_and_std(&values);
            assert!((f64::from(got.0) - mean).abs() < 1e-6 && (f64::from(got.1) - std).abs() < 1e-6, "{count}");
        }
        assert!(mean_and_std(&[]).0.is_nan());
    }
}
