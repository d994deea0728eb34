//! Cutting out what matters.

use medseg_volume::Dhw;
use ndarray::Array3;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::pad::cropped;
use crate::{CropForeground, Draw, LazySample, Transform, TransformError};

/// What counts as foreground.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForegroundSource {
    /// Label values above 0.
    #[default]
    Label,
    /// Intensities above this, in any channel.
    ImageAbove(f32),
}

/// MONAI's `CropForeground` as a step. Without foreground the whole volume stays, with a warning that names the case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropToForeground {
    /// What counts as foreground.
    pub source: ForegroundSource,
    /// Voxels added on every side.
    pub margin: Dhw<usize>,
    /// Sides are enlarged to multiples of this, half of the growth below; 1 leaves them.
    pub k_divisible: Dhw<usize>,
    /// Cut the box at the volume's border after the margin and before the divisibility, instead of padding.
    pub allow_smaller: bool,
    /// The image's value outside the volume; the label's is 0.
    pub value: f32,
}

impl Default for CropToForeground {
    fn default() -> Self {
        let CropForeground { margin, k_divisible, allow_smaller } = CropForeground::default();
        Self { source: ForegroundSource::default(), margin, k_divisible, allow_smaller, value: 0.0 }
    }
}

impl Transform for CropToForeground {
    fn name(&self) -> String {
        "crop_foreground".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let rule =
            CropForeground { margin: self.margin, k_divisible: self.k_divisible, allow_smaller: self.allow_smaller };
        let voxels = sample.voxels();
        let region = match self.source {
            ForegroundSource::Label => {
                let label = voxels.label.as_ref().ok_or(TransformError::NoLabel)?;
                rule.region(&label.view(), |v| *v > 0)
            }
            ForegroundSource::ImageAbove(threshold) => {
                let mut channels = voxels.image.outer_iter();
                match (channels.next(), voxels.image.dim().0) {
                    (Some(only), 1) => rule.region(&only, |v| *v > threshold),
                    (Some(first), _) => {
                        let mut any: Array3<bool> = first.mapv(|v| v > threshold);
                        channels.for_each(|c| any.zip_mut_with(&c, |any, v| *any |= *v > threshold));
                        rule.region(&any.view(), |v| *v)
                    }
                    (None, _) => None,
                }
            }
        };
        let Some(region) = region else {
            sample.warn("nothing is foreground; the whole volume is kept");
            return Ok(Draw::Skip);
        };
        Ok(cropped(sample.shape(), region, self.value))
    }
}
