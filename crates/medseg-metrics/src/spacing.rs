use serde::{Deserialize, Serialize};

use crate::MetricsError;

/// Cubic millimetres in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// Voxel size in millimetres along the array axes `[depth, height, width]`.
///
/// The numbers are checked where they are used: every function that takes a spacing returns
/// [`MetricsError::InvalidSpacing`] unless all three are positive and finite.
///
/// ```
/// use medseg_metrics::Spacing;
///
/// let spacing = Spacing([5.0, 0.8, 0.8]);
/// assert!((spacing.voxel_volume_ml() - 0.0032).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spacing(pub [f64; 3]);

impl Spacing {
    /// Voxels of one millimetre, so that distances come out in voxels.
    pub const UNIT: Spacing = Spacing([1.0; 3]);

    /// Volume of one voxel in millilitres.
    pub fn voxel_volume_ml(&self) -> f64 {
        self.0.iter().product::<f64>() / MM3_PER_ML
    }

    pub(crate) fn checked(self) -> Result<[f64; 3], MetricsError> {
        if self.0.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
            Ok(self.0)
        } else {
            Err(MetricsError::InvalidSpacing(self.0))
        }
    }
}
