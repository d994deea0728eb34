//! Axis codes such as RAS or LPS.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::VolumeError;
use crate::geometry::{column_norms, invert};

/// The patient directions that a file's axes i, j, k point to, as letters: L or R, P or A, I or S.
///
/// ```
/// use medseg_volume::{Dhw, Geometry};
/// let flipped = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
/// assert_eq!(flipped.orientation().to_string(), "LPS");
/// assert_eq!("lps".parse::<medseg_volume::Orientation>()?, flipped.orientation());
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Orientation {
    /// For i, j, k: the world axis 0, 1, 2 (right, anterior, superior) and whether the axis runs towards it.
    axes: [(usize, bool); 3],
}

/// The letters of the world axes, against and along them.
const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];

impl Orientation {
    /// i to the right, j to the front, k to the head: the axes of NIfTI's world.
    pub const RAS: Self = Self { axes: [(0, true), (1, true), (2, true)] };

    /// For i, j, k: the world axis 0, 1, 2 (right, anterior, superior) and whether the axis runs towards it.
    pub(crate) fn axes(self) -> [(usize, bool); 3] {
        self.axes
    }

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
        self.axes.iter().try_for_each(|(axis, positive)| write!(f, "{}", LETTERS[*axis][usize::from(*positive)]))
    }
}

impl FromStr for Orientation {
    type Err = VolumeError;

    /// Reads one letter of R/L, A/P and S/I each, in any order and case.
    fn from_str(code: &str) -> Result<Self, VolumeError> {
        let refused = || {
            let rule = "it takes one letter of R/L, one of A/P and one of S/I, as in \"LPS\"";
            VolumeError::Geometry(format!("{code:?} is no axis code: {rule}"))
        };
        let find = |letter: char| {
            let letter = letter.to_ascii_uppercase();
            let world = LETTERS.iter().position(|pair| pair.contains(&letter))?;
            Some((world, LETTERS[world][1] == letter))
        };
        let axes: Option<Vec<(usize, bool)>> = code.chars().map(find).collect();
        let axes: [(usize, bool); 3] = axes.and_then(|a| a.try_into().ok()).ok_or_else(refused)?;
        let complete = (0..3).all(|world| axes.iter().any(|(axis, _)| *axis == world));
        complete.then_some(Self { axes }).ok_or_else(refused)
    }
}

impl TryFrom<String> for Orientation {
    type Error = VolumeError;

    fn try_from(code: String) -> Result<Self, VolumeError> {
        code.parse()
    }
}

impl From<Orientation> for String {
    fn from(orientation: Orientation) -> Self {
        orientation.to_string()
    }
}
