//! Axis codes such as RAS or LPS.

use std::fmt;

use crate::geometry::{column_norms, invert};

/// The patient directions that a file's axes i, j, k point to, as letters: L or R, P or A, I or S.
///
/// ```
/// use medseg_volume::{Dhw, Geometry};
/// let flipped = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
/// assert_eq!(flipped.orientation().to_string(), "LPS");
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Orientation {
    /// For i, j, k: the world axis 0, 1, 2 (right, anterior, superior) and whether the axis runs towards it.
    axes: [(usize, bool); 3],
}

impl Orientation {
    /// The closest assignment of axes to patient directions: the linear part's nearest rotation (its polar factor), then
    /// the largest entry column by column, as nibabel's `io_orientation` does.
    pub(crate) fn closest(linear: &[[f64; 3]; 3]) -> Self {
        let norms = column_norms(linear);
        let mut m: [[f64; 3]; 3] = std::array::from_fn(|r| std::array::from_fn(|c| linear[r][c] / norms[c]));
        // Newton's iteration for the polar factor doubles its digits in every step.
        for _ in 0..60 {
            let inverse = invert(&m);
            let next: [[f64; 3]; 3] = std::array::from_fn(|r| std::array::from_fn(|c| 0.5 * (m[r][c] + inverse[c][r])));
            let change: f64 = (0..9).map(|n| (next[n / 3][n % 3] - m[n / 3][n % 3]).abs()).sum();
            m = next;
            if change < 1e-14 {
                break;
            }
        }
        let mut axes = [(0, true); 3];
        let mut taken = [false; 3];
        for (column, axis) in axes.iter_mut().enumerate() {
            let mut best = (0..3).find(|w| !taken[*w]).unwrap_or(0);
            for world in (0..3).filter(|w| !taken[*w]) {
                if m[world][column].abs() > m[best][column].abs() {
                    best = world;
                }
            }
            taken[best] = true;
            *axis = (best, m[best][column] >= 0.0);
        }
        Self { axes }
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];
        self.axes.iter().try_for_each(|(axis, positive)| write!(f, "{}", LETTERS[*axis][usize::from(*positive)]))
    }
}
