//! Colours as DICOM has them (PS3.3 C.10.7.1.1): CIE L*a*b* under the white D50, scaled to 16 bits.

use crate::matrix3::{Matrix3, inverse};

/// From linear sRGB to XYZ, adapted from D65 to D50 by Bradford's method (the matrix of the ICC's sRGB profiles).
const TO_XYZ: Matrix3 = [
    [0.436_074_7, 0.385_064_9, 0.143_080_4],
    [0.222_504_5, 0.716_878_6, 0.060_616_9],
    [0.013_932_2, 0.097_104_5, 0.714_173_3],
];
/// XYZ of the white D50.
const WHITE: [f64; 3] = [0.964_22, 1.0, 0.825_21];

/// L*, a* and b* of red, green and blue.
pub(super) fn from_rgb(rgb: [u8; 3]) -> [u16; 3] {
    let linear = rgb.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let xyz = product(&TO_XYZ, linear);
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let [x, y, z] = std::array::from_fn(|n| f(xyz[n] / WHITE[n]));
    let lab = [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)];
    let scaled = [lab[0] / 100.0, (lab[1] + 128.0) / 255.0, (lab[2] + 128.0) / 255.0];
    scaled.map(|value| (65535.0 * value).round().clamp(0.0, 65535.0) as u16)
}

/// Red, green and blue of L*, a* and b*; the nearest where sRGB lacks the colour.
pub(super) fn to_rgb([l, a, b]: [u16; 3]) -> [u8; 3] {
    let scale = |value: u16, by: f64| f64::from(value) / 65535.0 * by;
    let y = (scale(l, 100.0) + 16.0) / 116.0;
    let (x, z) = (y + (scale(a, 255.0) - 128.0) / 500.0, y - (scale(b, 255.0) - 128.0) / 200.0);
    let f = |t: f64| if t > 6.0 / 29.0 { t.powi(3) } else { (116.0 * t - 16.0) * 27.0 / 24389.0 };
    let xyz = [f(x) * WHITE[0], f(y) * WHITE[1], f(z) * WHITE[2]];
    product(&inverse(&TO_XYZ), xyz).map(|value| {
        let value = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (255.0 * value).round().clamp(0.0, 255.0) as u8
    })
}

fn product(matrix: &Matrix3, vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_comes_back() {
        for red in (0..=255).step_by(5) {
            for green in (0..=255).step_by(3) {
                for blue in (0..=255).step_by(5) {
                    assert_eq!(to_rgb(from_rgb([red, green, blue])), [red, green, blue]);
                }
            }
        }
    }

    #[test]
    fn colours_are_those_of_a_colour_table() {
        // L*a*b* under D50 as Bruce Lindbloom's calculator has it.
        for (rgb, lab) in [
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 0, 0], [54.29, 80.81, 69.89]),
            ([0, 255, 0], [87.82, -79.28, 80.99]),
            ([0, 0, 255], [29.57, 68.30, -112.03]),
        ] {
            let [l, a, b] = from_rgb(rgb).map(f64::from);
            let found = [l / 655.35, a / 257.0 - 128.0, b / 257.0 - 128.0];
            assert!(found.iter().zip(lab).all(|(found, lab)| (found - lab).abs() < 0.05), "{rgb:?} {found:?}");
        }
    }
}
