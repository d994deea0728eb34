//! Window positions along one axis.

/// First voxels of the windows along one axis of `size` voxels.
///
/// Windows are spread evenly, at most `patch · step_size` apart, and rounded to even halves.
/// An image that is not larger than the patch has one window. Steps below a thousandth of a voxel count as that.
///
/// Source: nnU-Net v2, `compute_steps_for_sliding_window`.
///
/// ```
/// use medseg_nnunet::window::window_starts;
/// assert_eq!(window_starts(110, 64, 0.5), [0, 23, 46]);
/// assert_eq!(window_starts(13, 8, 0.5), [0, 2, 5]);
/// assert_eq!(window_starts(40, 64, 0.5), [0]);
/// ```
#[must_use]
pub fn window_starts(size: usize, patch: usize, step_size: f64) -> Vec<usize> {
    let last = size.saturating_sub(patch);
    if last == 0 {
        return vec![0];
    }
    let longest = (patch as f64 * step_size).max(1e-3);
    let count = (last as f64 / longest).ceil() as usize + 1;
    let step = last as f64 / (count - 1) as f64;
    (0..count).map(|at| (step * at as f64).round_ties_even() as usize).collect()
}
