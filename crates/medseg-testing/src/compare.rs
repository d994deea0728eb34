//! Comparisons within a tolerance, where NaN equals NaN and infinity equals itself.

/// Returns true if `got` is within `atol + rtol · |want|` of `want`, or if both are NaN or the same infinity.
///
/// ```
/// use medseg_testing::is_close;
///
/// assert!(is_close(1.0001, 1.0, 1e-3, 0.0));
/// assert!(is_close(f64::NAN, f64::NAN, 0.0, 0.0));
/// assert!(!is_close(f64::INFINITY, 1.0, 1e-3, 1e-3));
/// ```
#[must_use]
pub fn is_close(got: f64, want: f64, rtol: f64, atol: f64) -> bool {
    let within = want.is_finite() && (got - want).abs() <= atol + rtol * want.abs();
    got == want || (got.is_nan() && want.is_nan()) || within
}

/// Fails unless the two have the same length and every pair is close, as [`is_close`] defines it.
///
/// `what` stands before the index of the first difference in the message.
///
/// ```
/// medseg_testing::assert_close("sums", &[1.0_f32, 2.0], &[1.0_f64, 2.0000001], 1e-6, 0.0);
/// ```
///
/// # Panics
/// At the first difference.
#[track_caller]
pub fn assert_close<A, B>(what: &str, got: &[A], want: &[B], rtol: f64, atol: f64)
where
    A: Copy + Into<f64>,
    B: Copy + Into<f64>,
{
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let (got, want): (f64, f64) = ((*got).into(), (*want).into());
        assert!(is_close(got, want, rtol, atol), "{what}: value {at} is {got}, not {want}");
    }
}

/// The bits of every value, for comparisons that rounding must not pass.
#[must_use]
pub fn bits<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    values.into_iter().map(|value| value.to_bits()).collect()
}

/// Compiles only if `T` can be sent to and shared between threads.
///
/// ```
/// medseg_testing::assert_send_sync::<Vec<f32>>();
/// ```
pub fn assert_send_sync<T: Send + Sync>() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "loss: value 1 is 2.5, not 2")]
    fn the_message_names_the_first_difference() {
        assert_close("loss", &[1.0, 2.5, 9.0], &[1.0, 2.0, 3.0], 1e-3, 0.0);
    }

    #[test]
    #[should_panic(expected = "loss: number of values")]
    fn another_length_is_a_difference() {
        assert_close("loss", &[1.0], &[1.0, 2.0], 1.0, 1.0);
    }

    #[test]
    fn zero_and_negative_zero_differ_in_bits_alone() {
        assert!(is_close(0.0, -0.0, 0.0, 0.0));
        assert_ne!(bits(&[0.0]), bits(&[-0.0]));
    }
}
