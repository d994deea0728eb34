//! The look of a coarser scan.

use medseg_volume::Dhw;
use ndarray::{ArrayBase, DataMut, Ix3};
use serde::{Deserialize, Serialize};

use crate::{Interpolation, TransformError, resize, resize_nearest_exact};

/// Simulates a scan of lower resolution, as nnU-Net does: the volume is shrunk by taking the voxel at each new one's
/// centre, and enlarged again trilinearly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateLowResolution {
    /// Share of the voxels that are left along `[depth, height, width]`, above 0 and at most 1.
    pub scale: Dhw<f64>,
}

impl SimulateLowResolution {
    /// Refuses scales outside (0, 1].
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming `scale`.
    pub fn validate(&self) -> Result<(), TransformError> {
        if self.scale.to_array().iter().all(|scale| *scale > 0.0 && *scale <= 1.0) {
            return Ok(());
        }
        Err(TransformError::parameter("scale", self.scale, "must be above 0 and at most 1"))
    }

    /// Replaces the voxels in place; at least one voxel is left along each axis.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply<S: DataMut<Elem = f32>>(&self, image: &mut ArrayBase<S, Ix3>) -> Result<(), TransformError> {
        self.validate()?;
        if image.is_empty() {
            return Ok(());
        }
        let shape = Dhw::from(image.dim());
        // Halves to the even number, as Python and PyTorch round.
        let low =
            shape.zip(self.scale).map(|(length, scale)| ((length as f64 * scale).round_ties_even() as usize).max(1));
        if low == shape {
            return Ok(());
        }
        let small = resize_nearest_exact(&image.view(), low);
        image.assign(&resize(&small.view(), shape, Interpolation::Trilinear { align_corners: false }));
        Ok(())
    }
}
