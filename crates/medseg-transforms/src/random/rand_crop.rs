//! Random crops.

use medseg_volume::Dhw;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::{BoxDhw, Draw, LazySample, PadMode, RandCropByPosNegLabel, SpatialChange, Transform, TransformError};

/// Crops anywhere in the volume, each place equally likely (MONAI's `RandSpatialCropSamples` of a fixed size). A volume
/// that is too small is refused: pad it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandSpatialCrop {
    /// Voxels of a crop.
    pub size: Dhw<usize>,
    /// Crops made of one sample.
    #[serde(default = "one")]
    pub samples: usize,
}

fn one() -> usize {
    1
}

impl Transform for RandSpatialCrop {
    fn name(&self) -> String {
        "rand_spatial_crop".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_crops(self.size, self.samples)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        let volume = sample.shape();
        if self.size.zip(volume).to_array().iter().any(|(size, length)| size > length) {
            return Err(TransformError::CropTooLarge { crop: self.size, volume });
        }
        let start = self.size.zip(volume).map(|(size, length)| rng.random_range(0..=length - size) as isize);
        Ok(crop(BoxDhw { start, size: self.size }))
    }

    fn draw_all(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Vec<Draw>, TransformError> {
        (0..self.samples).map(|_| self.draw(sample, rng)).collect()
    }
}

/// As a step: several samples come out. A case without foreground gives crops around background, and a warning with its
/// name (MONAI fails or warns without saying which case it was).
impl Transform for RandCropByPosNegLabel {
    fn name(&self) -> String {
        "rand_crop_by_pos_neg_label".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_crops(self.size, self.samples)?;
        self.positive_share().map(|_| ())
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        let one = Self { samples: 1, ..*self };
        one.draw_all(sample, rng)?.pop().ok_or(TransformError::NotOne { samples: 0 })
    }

    fn draw_all(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Vec<Draw>, TransformError> {
        Transform::validate(self)?;
        let label = sample.voxels().label.as_ref().ok_or(TransformError::NoLabel)?;
        let index = self.index(&label.view());
        if self.pos > 0.0 && index.counts().0 == 0 {
            sample.warn("no voxel is foreground; all crops are centred on background");
        }
        let mut rng = rng;
        Ok(self.sample(&index, &mut rng)?.into_iter().map(crop).collect())
    }
}

fn crop(region: BoxDhw) -> Draw {
    SpatialChange::Crop { region, outside: 0.0, mode: PadMode::Constant }.into()
}

fn validate_crops(size: Dhw<usize>, samples: usize) -> Result<(), TransformError> {
    if size.voxels() == 0 {
        return Err(TransformError::parameter("size", size, "has no voxels"));
    }
    if samples == 0 { Err(TransformError::parameter("samples", samples, "must be at least 1")) } else { Ok(()) }
}
