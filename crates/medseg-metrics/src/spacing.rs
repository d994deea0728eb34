//! Checks and products of voxel sizes.

use crate::{Dhw, MetricsError};

/// Cubic millimetres in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// The voxel size as an array, if all three are positive and finite.
pub(crate) fn validate(spacing_mm: Dhw<f64>) -> Result<[f64; 3], MetricsError> {
    let spacing: [f64; 3] = spacing_mm.into();
    if spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
        Ok(spacing)
    } else {
        Err(MetricsError::InvalidSpacing(spacing))
    }
}

/// Volume of so many voxels in millilitres.
pub(crate) fn volume_ml(voxels: u64, spacing_mm: Dhw<f64>) -> Result<f64, MetricsError> {
    let voxel_ml = validate(spacing_mm)?.iter().product::<f64>() / MM3_PER_ML;
    Ok(voxels as f64 * voxel_ml)
}
