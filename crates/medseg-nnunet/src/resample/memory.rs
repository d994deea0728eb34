//! Checked shapes and memory for results.

use ndarray::{Array, Dimension, IntoDimension};

use super::ResampleError;

/// Zeros of a shape, or an error where a machine has no memory for them.
pub(crate) fn zeros<T: Clone + Default, D: Dimension>(
    shape: impl IntoDimension<Dim = D>,
) -> Result<Array<T, D>, ResampleError> {
    let shape = shape.into_dimension();
    let too_large = || ResampleError::TooLarge { shape: shape.slice().to_vec() };
    let count = shape.size_checked().filter(|count| isize::try_from(*count).is_ok()).ok_or_else(too_large)?;
    // `vec!` takes zeroed memory without touching it, but ends the process if there is none.
    Vec::<T>::new().try_reserve_exact(count).map_err(|_| too_large())?;
    Array::from_shape_vec(shape.clone(), vec![T::default(); count]).map_err(|_| too_large())
}

/// Refuses shapes without voxels and spacings that are not finite or not above 0.
pub(super) fn check(shapes: [&[usize]; 2], spacings: [[f64; 3]; 2]) -> Result<(), ResampleError> {
    if let Some(shape) = shapes.into_iter().find(|shape| shape.contains(&0)) {
        return Err(ResampleError::Empty { shape: shape.to_vec() });
    }
    let valid = |spacing: &f64| spacing.is_finite() && *spacing > 0.0;
    match spacings.into_iter().find(|spacing| !spacing.iter().all(valid)) {
        Some(spacing) => Err(ResampleError::Spacing { spacing }),
        None => Ok(()),
    }
}
