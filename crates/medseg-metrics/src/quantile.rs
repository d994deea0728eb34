//! Quantiles with linear interpolation.

/// The `fraction` quantile (0 to 1) with linear interpolation between neighbouring order statistics, as NumPy's and
/// PyTorch's default; NaN for no values. Selects instead of sorting and leaves `values` reordered.
pub(crate) fn quantile(values: &mut [f64], fraction: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return f64::NAN;
    };
    let rank = fraction * last as f64;
    let below = (rank.floor() as usize).min(last);
    let (_, &mut lower, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let upper = above.iter().copied().min_by(f64::total_cmp).unwrap_or(lower);
    lower + (upper - lower) * (rank - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_between_order_statistics() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let at = |fraction| quantile(&mut values.to_vec(), fraction);
        assert_eq!(at(0.0), 1.0);
        assert_eq!(at(1.0), 4.0);
        assert_eq!(at(0.5), 2.5);
        assert!((at(0.95) - 3.85).abs() < 1e-12);
        assert!(quantile(&mut [], 0.5).is_nan());
    }

    #[test]
    fn agrees_with_sorting_on_many_lengths() {
        for n in 1..40_u32 {
            let values: Vec<f64> = (0..n).map(|i| f64::from((i * 7919) % 101)).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            for percent in 0..=100_u32 {
                let rank = f64::from(percent) / 100.0 * f64::from(n - 1);
                let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
                let want = sorted[low] + (sorted[high] - sorted[low]) * (rank - low as f64);
                let got = quantile(&mut values.clone(), f64::from(percent) / 100.0);
                assert!((got - want).abs() < 1e-12, "n {n}, {percent} %: {got} instead of {want}");
            }
        }
    }

    #[test]
    fn infinite_values_give_nan_as_interpolation_does() {
        assert!(quantile(&mut [f64::INFINITY; 3], 0.5).is_nan());
    }
}
