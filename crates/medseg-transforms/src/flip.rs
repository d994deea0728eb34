//! Exact turns of arrays.

use medseg_volume::{Axes, Dhw};
use ndarray::{Array3, ArrayView3};

/// Reverses the axes that are `true` in `[depth, height, width]` order; twice is the identity.
#[must_use]
pub fn flip<T: Copy>(volume: &ArrayView3<'_, T>, axes: Dhw<bool>) -> Array3<T> {
    Axes::flip(axes).apply(volume)
}

/// Rotates by 90 degrees `times` times from the first axis of `plane` towards the second (numpy's `rot90`); negative
/// turns go back.
///
/// # Panics
/// If the plane's two axes are equal or not below 3.
#[must_use]
pub fn rotate90<T: Copy>(volume: &ArrayView3<'_, T>, times: i32, plane: (usize, usize)) -> Array3<T> {
    Axes::rotate90(times, plane).apply(volume)
}
