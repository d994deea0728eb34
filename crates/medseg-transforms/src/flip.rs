//! Exact turns.

use ndarray::{Array3, ArrayView3, Axis};

/// Reverses the axes that are `true` in `[depth, height, width]` order; twice is the identity.
#[must_use]
pub fn flip<T: Copy>(volume: &ArrayView3<'_, T>, axes: medseg_volume::Dhw<bool>) -> Array3<T> {
    let mut view = volume.view();
    for (axis, _) in axes.to_array().into_iter().enumerate().filter(|(_, flipped)| *flipped) {
        view.invert_axis(Axis(axis));
    }
    view.as_standard_layout().into_owned()
}

/// Rotates by 90 degrees `times` times from the first axis of `plane` towards the second (numpy's `rot90`); negative
/// turns go back.
///
/// # Panics
/// If the plane's two axes are equal or not below 3.
#[must_use]
pub fn rotate90<T: Copy>(volume: &ArrayView3<'_, T>, times: i32, plane: (usize, usize)) -> Array3<T> {
    let (a, b) = plane;
    assert!(a < 3 && b < 3 && a != b, "a plane is two different axes of 0, 1, 2");
    let mut view = volume.view();
    match times.rem_euclid(4) {
        1 => {
            view.invert_axis(Axis(b));
            view.swap_axes(a, b);
        }
        2 => {
            view.invert_axis(Axis(a));
            view.invert_axis(Axis(b));
        }
        3 => {
            view.swap_axes(a, b);
            view.invert_axis(Axis(b));
        }
        _ => {}
    }
    view.as_standard_layout().into_owned()
}
