//! Enlarging and shrinking what is shown.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::no_area;
use crate::crop_pad::crop_or_pad;
use crate::{
    BorderMode, Draw, Kernel, LazySample, Resample, ResampleMeaning, SpatialChange, Transform, TransformError, VoxelMap,
};

/// MONAI's `Zoom`: resized by factors to floor(length · factor) voxels, then cut or padded to the old size around the
/// middle if `keep_size`.
///
/// Where shrinking leaves room the [`padding`](Self::padding) continues the old volume. MONAI pads the shrunk one, whose
/// border voxels differ by the interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zoom {
    /// Above 1 enlarges.
    pub factor: Dhw<f64>,
    /// Keeps the shape.
    #[serde(default = "crate::model::yes")]
    pub keep_size: bool,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

impl Transform for Zoom {
    fn name(&self) -> String {
        "zoom".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        no_area(self.kernel)?;
        if self.factor.to_array().iter().all(|f| *f > 0.0 && f.is_finite()) {
            return Ok(());
        }
        Err(TransformError::parameter("factor", self.factor, "must be above 0"))
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        let old = sample.shape();
        let zoomed = old.zip(self.factor).map(|(length, factor)| (length as f64 * factor).floor() as usize);
        if zoomed.voxels() == 0 {
            return Err(TransformError::NoVoxels { shape: zoomed });
        }
        let mut map = VoxelMap::resizing(old, zoomed, false);
        let mut shape = zoomed;
        if self.keep_size {
            let start = crop_or_pad(zoomed, old).start;
            map = map.after(&VoxelMap::translation(start.map(|v| v as f64)));
            shape = old;
        }
        if map == VoxelMap::IDENTITY && shape == old {
            return Ok(Draw::Skip);
        }
        let (kernel, padding) = (self.kernel, self.padding);
        Ok(SpatialChange::Resample(Resample {
            shape,
            map,
            kernel,
            padding,
            elastic: None,
            meaning: ResampleMeaning::Other,
        })
        .into())
    }
}
