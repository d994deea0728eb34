//! Axis codes such as `LPS`: where the voxel axes i, j, k point.

use crate::DataError;

/// For each voxel axis i, j, k: the patient axis (0 right, 1 anterior, 2 superior) and the direction along it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Orientation(pub [(usize, f64); 3]);

impl Orientation {
    /// Reads three letters of R/L, A/P, S/I in any order, one of each pair.
    pub fn parse(code: &str) -> Result<Self, DataError> {
        let refused = || DataError::Phantom {
            reason: format!(
                "{code:?} is no axis code: it takes one letter of R/L, one of A/P and one of S/I, as in \"LPS\""
            ),
        };
        let axes = code.chars().map(|letter| match letter {
            'R' => Some((0, 1.0)),
            'L' => Some((0, -1.0)),
            'A' => Some((1, 1.0)),
            'P' => Some((1, -1.0)),
            'S' => Some((2, 1.0)),
            'I' => Some((2, -1.0)),
            _ => None,
        });
        let axes: Option<Vec<(usize, f64)>> = axes.collect();
        let axes: [(usize, f64); 3] = axes.and_then(|a| a.try_into().ok()).ok_or_else(refused)?;
        let all_different = axes[0].0 != axes[1].0 && axes[0].0 != axes[2].0 && axes[1].0 != axes[2].0;
        all_different.then_some(Self(axes)).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_letter_by_letter() {
        let pir = Orientation::parse("PIR").unwrap();
        assert_eq!(pir, Orientation([(1, -1.0), (2, -1.0), (0, 1.0)]));
    }

    #[test]
    fn codes_that_repeat_an_axis_or_are_no_codes_are_refused() {
        for code in ["", "RA", "RASP", "RLS", "ras", "RAX", "AAA"] {
            let message = Orientation::parse(code).unwrap_err().to_string();
            assert!(message.contains(&format!("{code:?}")), "{message}");
        }
    }
}
