//! Colours of segments.

/// A colour that differs from those of other label values: hues a golden angle apart, so that neighbours never look alike,
/// at three levels of brightness and two of saturation.
pub(super) fn of_label(label: u16) -> [u8; 3] {
    let number = u32::from(label.max(1)) - 1;
    let hue = f64::from(number) * 137.507_764_050_037_85 % 360.0;
    let value = [0.9, 0.7, 1.0][(number % 3) as usize];
    let saturation = [0.65, 0.9][(number % 2) as usize];
    rgb(hue, saturation, value)
}

/// From a hue in degrees, a saturation and a value of 0 to 1.
fn rgb(hue: f64, saturation: f64, value: f64) -> [u8; 3] {
    [5.0, 3.0, 1.0].map(|n: f64| {
        let k = (n + hue / 60.0) % 6.0;
        let level = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        (255.0 * level).round() as u8
    })
}

/// Reads `#rrggbb`.
pub(super) fn parse(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let plain = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}

/// Writes `#rrggbb`.
pub(super) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_colours_are_distinct() {
        let colours: Vec<[u8; 3]> = (1..=256).map(of_label).collect();
        for (n, a) in colours.iter().enumerate() {
            for b in &colours[..n] {
                assert_ne!(a, b);
            }
        }
        // Those of a usual table are far apart.
        for (n, a) in colours[..24].iter().enumerate() {
            for b in &colours[..n] {
                let distance: i32 = a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(*b)).pow(2)).sum();
                assert!(distance > 600, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn hues_are_those_of_a_colour_wheel() {
        assert_eq!(
            [0.0, 60.0, 120.0, 180.0, 240.0, 300.0].map(|hue| rgb(hue, 1.0, 1.0)),
            [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]]
        );
        assert_eq!((parse("#dd8265"), parse("dd826"), parse("#+d8265")), (Some([0xdd, 0x82, 0x65]), None, None));
        assert_eq!(hex([0xdd, 0x82, 5]), "#dd8205");
    }
}
