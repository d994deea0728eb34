//! Axis codes such as RAS or LPS.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::VolumeError;
use crate::matrix3::{Matrix3, nearest_rotation};

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
    /// For i, j, k: the world axis 0, 1, 2 (right, anterior, superior), and true if the axis runs towards it.
    axes: [(usize, bool); 3],
}

/// The letters of the world axes, against and along them.
const LETTERS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];

impl Orientation {
    /// i to the right, j to the front, k to the head: the axes of NIfTI's world.
    pub const RAS: Self = Self { axes: [(0, true), (1, true), (2, true)] };

    /// i to the left, j to the back, k to the feet: slices from the head down as radiologists look at them.
    pub const LPI: Self = Self { axes: [(0, false), (1, false), (2, false)] };

    /// For i, j, k: the world axis 0, 1, 2 (right, anterior, superior), and true if the axis runs towards it.
    pub(crate) fn axes(self) -> [(usize, bool); 3] {
        self.axes
    }

    /// The closest assignment of axes to patient directions, as nibabel's `io_orientation` makes it: in the linear part's
    /// nearest rotation each axis takes the direction it has most of, the clearest axis first, so that the result does
    /// not depend on the axes' order.
    pub(crate) fn closest(linear: &Matrix3) -> Self {
        let rotation = nearest_rotation(linear);
        let size = |world: usize, column: usize| rotation[world][column].abs();
        let clearness = |column: usize| (0..3).map(|world| size(world, column)).fold(0.0, f64::max);
        let mut columns = [0, 1, 2];
        columns.sort_by(|a, b| clearness(*b).total_cmp(&clearness(*a)));
        let mut left = vec![0, 1, 2];
        let mut axes = [(0, true); 3];
        for column in columns {
            // The first of equal ones.
            let best =
                (1..left.len()).fold(0, |b, n| if size(left[n], column) > size(left[b], column) { n } else { b });
            let world = left.remove(best);
            axes[column] = (world, rotation[world][column] >= 0.0);
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
        let refused = || VolumeError::AxisCode(code.to_string());
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
