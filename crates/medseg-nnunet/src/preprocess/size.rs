//! The number of voxels at another spacing.

use super::PreprocessError;

/// Voxels along each axis at spacing `to`, in mm, of as many as `shape` has at spacing `from`. Halves become the even number.
///
/// # Errors
/// Spacings that are not finite and above 0, or that lead to 0 voxels or more than an axis can have.
///
/// ```
/// use medseg_nnunet::resampled_shape;
///
/// assert_eq!(resampled_shape([40, 512, 5], [5.0, 0.8, 1.0], [2.5, 1.0, 2.0])?, [80, 410, 2]);
/// assert!(resampled_shape([40, 512, 5], [5.0, 0.8, 1.0], [2.5, 1.0, 0.0]).is_err());
/// # Ok::<(), medseg_nnunet::PreprocessError>(())
/// ```
pub fn resampled_shape(shape: [usize; 3], from: [f64; 3], to: [f64; 3]) -> Result<[usize; 3], PreprocessError> {
    for spacing in [from, to] {
        check_spacing(&spacing)?;
    }
    let mut new = shape;
    for (axis, new) in new.iter_mut().enumerate() {
        let (voxels, from, to) = (shape[axis], from[axis], to[axis]);
        let found = (from / to * voxels as f64).round_ties_even();
        // Exact in f64, and more than any image has along one axis.
        if !(1.0..=2_147_483_647.0).contains(&found) {
            return Err(PreprocessError::Size { voxels, from, to, found });
        }
        *new = found as usize;
    }
    Ok(new)
}

/// Refuses spacings that are not finite and above 0.
pub(super) fn check_spacing(spacing: &[f64]) -> Result<(), PreprocessError> {
    if spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
        return Ok(());
    }
    Err(PreprocessError::Spacing { spacing: spacing.to_vec() })
}
