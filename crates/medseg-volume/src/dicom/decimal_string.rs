//! Numbers as decimal strings (DS): at most 16 characters.

/// The text of at most 16 characters that is closest to a finite number.
pub(super) fn decimal_string(number: f64) -> String {
    /// Characters of a decimal string (PS3.5 6.2).
    const MOST: usize = 16;
    // No -0, and no longer text than the number needs.
    let number = number + 0.0;
    let shortest = [format!("{number}"), format!("{number:e}")];
    if let Some(text) = shortest.into_iter().find(|text| text.len() <= MOST) {
        return text;
    }
    let rounded = (0..MOST).rev().flat_map(|digits| [format!("{number:.digits$}"), format!("{number:.digits$e}")]);
    let off = |text: &String| text.parse::<f64>().map_or(f64::INFINITY, |value| (value - number).abs());
    let closest = rounded.filter(|text| text.len() <= MOST).min_by(|a, b| off(a).total_cmp(&off(b)));
    closest.unwrap_or_else(|| "0".into())
}

/// Several numbers with a backslash between.
pub(super) fn decimal_strings(numbers: &[f64]) -> String {
    numbers.iter().map(|number| decimal_string(*number)).collect::<Vec<_>>().join("\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_and_stay_close() {
        for (number, want) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.5, "0.5"),
            (-123.456, "-123.456"),
            (1e300, "1e300"),
            (1.0 / 3.0, "0.33333333333333"),
            (-2.0 / 3.0, "-0.6666666666667"),
            (1e-7 / 3.0, "3.3333333333e-8"),
            (12_345_678.123_456_79, "12345678.1234568"),
        ] {
            let text = decimal_string(number);
            assert!(text.len() <= 16, "{text}");
            let relative = (text.parse::<f64>().unwrap() - number).abs() / number.abs().max(1e-300);
            let expected = (want.parse::<f64>().unwrap() - number).abs() / number.abs().max(1e-300);
            assert!(relative <= expected, "{text} is farther from {number} than {want}");
        }
        assert_eq!(decimal_strings(&[1.0, -0.25]), "1\\-0.25");
    }
}
