//! Triples along the array axes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Three values along the array axes depth, height, width, in this order (NIfTI's k, j, i).
///
/// Serialised as a sequence `[d, h, w]`; shown as `dxhxw`.
///
/// ```
/// use medseg_volume::Dhw;
/// let shape = Dhw::from([40, 96, 128]);
/// assert_eq!((shape.d, shape.to_string()), (40, "40x96x128".to_string()));
/// assert_eq!(shape.voxels(), 40 * 96 * 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(
    from = "[T; 3]",
    into = "[T; 3]",
    bound(serialize = "T: Serialize + Clone", deserialize = "T: Deserialize<'de>")
)]
pub struct Dhw<T> {
    /// Along the depth axis, the slowest (k).
    pub d: T,
    /// Along the height axis (j).
    pub h: T,
    /// Along the width axis, the fastest (i).
    pub w: T,
}

impl<T> Dhw<T> {
    /// The three values as an array `[d, h, w]`.
    pub fn into_array(self) -> [T; 3] {
        [self.d, self.h, self.w]
    }

    /// Applies a function to each value.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Dhw<U> {
        self.into_array().map(f).into()
    }

    /// Pairs the values of two triples axis by axis.
    pub fn zip<U>(self, other: Dhw<U>) -> Dhw<(T, U)> {
        Dhw { d: (self.d, other.d), h: (self.h, other.h), w: (self.w, other.w) }
    }
}

impl<T: Copy> Dhw<T> {
    /// The three values as an array `[d, h, w]`.
    pub fn to_array(self) -> [T; 3] {
        self.into_array()
    }
}

impl<T: Clone> Dhw<T> {
    /// The same value along every axis.
    pub fn splat(value: T) -> Self {
        Self { d: value.clone(), h: value.clone(), w: value }
    }
}

impl Dhw<usize> {
    /// Number of voxels of this shape; saturates instead of overflowing.
    #[must_use]
    pub fn voxels(self) -> usize {
        self.d.saturating_mul(self.h).saturating_mul(self.w)
    }
}

impl<T> From<[T; 3]> for Dhw<T> {
    fn from([d, h, w]: [T; 3]) -> Self {
        Self { d, h, w }
    }
}

impl<T> From<Dhw<T>> for [T; 3] {
    fn from(v: Dhw<T>) -> Self {
        v.into_array()
    }
}

impl From<(usize, usize, usize)> for Dhw<usize> {
    /// From an `ndarray` dimension.
    fn from((d, h, w): (usize, usize, usize)) -> Self {
        Self { d, h, w }
    }
}

/// As `4x5x6`; options such as a precision apply to each value.
///
/// ```
/// use medseg_volume::Dhw;
/// assert_eq!(format!("{:.2}", Dhw { d: 5.0, h: 0.8, w: 0.8 }), "5.00x0.80x0.80");
/// ```
impl<T: fmt::Display> fmt::Display for Dhw<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.d.fmt(f)?;
        f.write_str("x")?;
        self.h.fmt(f)?;
        f.write_str("x")?;
        self.w.fmt(f)
    }
}
