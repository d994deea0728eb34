//! Colours that tell labels apart.

/// The colour of a label `[red, green, blue]`, in pictures without a reference as on pages of the viewer: hues a golden section
/// apart, none of them dark.
#[must_use]
pub fn label_colour(label: u8) -> [u8; 3] {
    const GOLDEN: f64 = 0.618_033_99;
    let channel = |shift: f64| {
        let turned = (f64::from(label) * GOLDEN + shift / 3.0).fract();
        let hue = ((turned * 6.0 - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        (255.0 * (0.3 + 0.7 * hue)).round() as u8
    };
    [channel(0.0), channel(2.0), channel(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_labels_differ_and_none_is_dark() {
        for label in 1..=254 {
            let (one, next) = (label_colour(label), label_colour(label + 1));
            let apart: u32 = one.iter().zip(next).map(|(a, b)| u32::from(a.abs_diff(b))).sum();
            assert!(apart > 100, "{label}: {one:?} {next:?}");
            assert!(one.iter().max() > Some(&200), "{label}: {one:?}");
        }
    }
}
