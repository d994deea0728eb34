//! Changing the number of voxels.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{
    BorderMode, Draw, Kernel, LazySample, Resample, ResampleMeaning, SpatialChange, Transform, TransformError, VoxelMap,
};

/// MONAI's `Resize`: the same part of the patient in another number of voxels, without smoothing when shrinking (but for
/// [`Kernel::Area`]).
///
/// Labels take the voxel at their centre (PyTorch's `nearest-exact`). That differs on purpose from MONAI's `nearest`,
/// which takes the one at the low corner and so moves the label by up to half a voxel against the image; for that one see
/// [`resize_nearest`](crate::resize_nearest). The same choice is there on the way back:
/// [`Trace::invert_label`](crate::Trace::invert_label) and [`Trace::invert_nearest`](crate::Trace::invert_nearest).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Voxels along each axis.
    pub size: Dhw<usize>,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Keeps the centres of the corner voxels where they are (true), or the outer faces (false).
    #[serde(default)]
    pub align_corners: bool,
}

impl Transform for Resize {
    fn name(&self) -> String {
        "resize".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        if self.align_corners && self.kernel == Kernel::Area {
            return Err(TransformError::parameter("align_corners", true, "does not go with the mean over an area"));
        }
        if self.size.voxels() == 0 { Err(TransformError::NoVoxels { shape: self.size }) } else { Ok(()) }
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        let shape = sample.shape();
        if shape == self.size {
            return Ok(Draw::Skip);
        }
        let map = VoxelMap::resizing(shape, self.size, self.align_corners);
        let (kernel, padding) = (self.kernel, BorderMode::Border);
        Ok(SpatialChange::Resample(Resample {
            shape: self.size,
            map,
            kernel,
            padding,
            elastic: None,
            meaning: ResampleMeaning::Size,
        })
        .into())
    }
}
