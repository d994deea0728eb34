//! Random bending.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::chance::{Range, happens, validate_probability};
use crate::spatial::no_area;
use crate::{
    BorderMode, Draw, Elastic, Kernel, LazySample, Resample, ResampleMeaning, SpatialChange, Transform, TransformError,
    VoxelMap,
};

/// Elastic deformation (MONAI's `Rand3DElastic` without its affine part; a [`RandAffine`](crate::RandAffine) before or
/// after it is done in the same pass). The draw holds a seed for the noise, not the field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandElastic {
    /// Probability that it does anything.
    pub p: f64,
    /// Of [`Elastic::sigma`].
    pub sigma: Range,
    /// Of [`Elastic::magnitude`].
    pub magnitude: Range,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

impl Transform for RandElastic {
    fn name(&self) -> String {
        "rand_elastic".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)?;
        no_area(self.kernel)?;
        self.sigma.validate("sigma")?;
        self.magnitude.validate("magnitude")?;
        [self.sigma.0, self.sigma.1]
            .into_iter()
            .try_for_each(|sigma| Elastic { sigma, magnitude: self.magnitude.0, seed: 0 }.validate())
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        if !happens(self.p, rng) {
            return Ok(Draw::Skip);
        }
        let (sigma, magnitude, seed) = (self.sigma.draw(rng), self.magnitude.draw(rng), rng.next_u64());
        Ok(SpatialChange::Resample(Resample {
            shape: sample.shape(),
            map: VoxelMap::IDENTITY,
            kernel: self.kernel,
            padding: self.padding,
            elastic: Some(Elastic { sigma, magnitude, seed }),
            meaning: ResampleMeaning::Other,
        })
        .into())
    }
}
