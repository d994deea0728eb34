//! The check that two masks are on one grid.

use ndarray::ArrayView3;

use crate::MetricsError;

pub(crate) fn require_same_shape(predicted: &ArrayView3<u8>, reference: &ArrayView3<u8>) -> Result<(), MetricsError> {
    if predicted.shape() == reference.shape() {
        return Ok(());
    }
    Err(MetricsError::ShapeMismatch { predicted: predicted.dim().into(), reference: reference.dim().into() })
}
