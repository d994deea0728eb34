//! Quarter turns.

use medseg_volume::Axes;
use ndarray::{Array3, ArrayView3};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::permuted;
use crate::{Draw, LazySample, Transform, TransformError};

/// Rotates by 90 degrees `times` times from the first axis of `plane` towards the second (numpy's `rot90`); negative
/// turns go back.
///
/// # Panics
/// If the plane's two axes are equal or not below 3.
#[must_use]
pub fn rotate90<T: Copy>(volume: &ArrayView3<'_, T>, times: i32, plane: (usize, usize)) -> Array3<T> {
    Axes::rotate90(times, plane).apply(volume)
}

/// Turns by 90 degrees from the first axis of the plane towards the second (MONAI's `Rotate90`). Exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate90 {
    /// Number of quarter turns; negative ones go back.
    pub times: i32,
    /// Two of the axes 0, 1, 2 (depth, height, width).
    pub plane: (usize, usize),
}

impl Transform for Rotate90 {
    fn name(&self) -> String {
        "rotate90".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_plane(self.plane)
    }

    fn draw(&self, _: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        Ok(permuted(Axes::rotate90(self.times, self.plane)))
    }
}

pub(crate) fn validate_plane((a, b): (usize, usize)) -> Result<(), TransformError> {
    if a < 3 && b < 3 && a != b {
        return Ok(());
    }
    Err(TransformError::parameter("plane", format!("[{a}, {b}]"), "must be two different axes of 0, 1, 2"))
}
