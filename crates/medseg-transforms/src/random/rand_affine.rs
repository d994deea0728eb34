//! Random turns, shears, moves and scales.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::chance::{Range, along_axes, happens, validate_probability};
use crate::spatial::no_area;
use crate::{Affine, BorderMode, Draw, Kernel, LazySample, Transform, TransformError};

/// MONAI's `RandAffine`: an [`Affine`] of numbers drawn from ranges. (MONAI adds 1 to the numbers drawn for the scale; here
/// the range is that of the scale itself.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandAffine {
    /// Probability that it does anything.
    pub p: f64,
    /// Radians around each axis.
    pub rotate: Dhw<Range>,
    /// As [`Affine::shear`].
    pub shear: [Range; 6],
    /// Voxels.
    pub translate: Dhw<Range>,
    /// Factors; above 1 shows more, so things look smaller.
    pub scale: Dhw<Range>,
    /// One draw for all axes: the same share of each one's range.
    pub same_scale: bool,
    /// Interpolation of the image.
    pub kernel: Kernel,
    /// Values outside the volume.
    pub padding: BorderMode,
}

impl Default for RandAffine {
    fn default() -> Self {
        let (none, one) = (Range(0.0, 0.0), Range(1.0, 1.0));
        Self {
            p: 1.0,
            rotate: Dhw::splat(none),
            shear: [none; 6],
            translate: Dhw::splat(none),
            scale: Dhw::splat(one),
            same_scale: false,
            kernel: Kernel::default(),
            padding: BorderMode::default(),
        }
    }
}

impl Transform for RandAffine {
    fn name(&self) -> String {
        "rand_affine".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)?;
        no_area(self.kernel)?;
        self.rotate.to_array().into_iter().try_for_each(|range| range.validate("rotate"))?;
        self.shear.into_iter().try_for_each(|range| range.validate("shear"))?;
        self.translate.to_array().into_iter().try_for_each(|range| range.validate("translate"))?;
        self.scale.to_array().into_iter().try_for_each(|range| positive("scale", range))
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        if !happens(self.p, rng) {
            return Ok(Draw::Skip);
        }
        let rotate = self.rotate.map(|range| range.draw(rng));
        let shear = self.shear.map(|range| range.draw(rng));
        let translate = self.translate.map(|range| range.draw(rng));
        let scale = along_axes(self.scale, self.same_scale, rng);
        let (kernel, padding) = (self.kernel, self.padding);
        Affine { rotate, shear, translate, scale, kernel, padding, ..Affine::default() }.draw(sample, rng)
    }
}

/// Random turns around the middle (MONAI's `RandRotate`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandRotate {
    /// Probability that it does anything.
    pub p: f64,
    /// Radians around each axis.
    pub angles: Dhw<Range>,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

impl RandRotate {
    fn affine(&self) -> RandAffine {
        let Self { p, angles, kernel, padding } = *self;
        RandAffine { p, rotate: angles, kernel, padding, ..RandAffine::default() }
    }
}

impl Transform for RandRotate {
    fn name(&self) -> String {
        "rand_rotate".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        self.affine().validate()
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.affine().draw(sample, rng)
    }
}

/// Random scaling around the middle, in a shape that stays. Unlike MONAI's `RandZoom` it takes the factor as it is, not
/// rounded to whole voxels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandZoom {
    /// Probability that it does anything.
    pub p: f64,
    /// Above 1 enlarges.
    pub factor: Range,
    /// One factor for all axes instead of one each.
    #[serde(default)]
    pub same: bool,
    /// Interpolation of the image.
    #[serde(default)]
    pub kernel: Kernel,
    /// Values outside the volume.
    #[serde(default)]
    pub padding: BorderMode,
}

impl Transform for RandZoom {
    fn name(&self) -> String {
        "rand_zoom".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)?;
        no_area(self.kernel)?;
        positive("factor", self.factor)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        if !happens(self.p, rng) {
            return Ok(Draw::Skip);
        }
        let factor = if self.same {
            Dhw::splat(self.factor.draw(rng))
        } else {
            Dhw::splat(self.factor).map(|range| range.draw(rng))
        };
        let (kernel, padding) = (self.kernel, self.padding);
        Affine { scale: factor.map(|f| 1.0 / f), kernel, padding, ..Affine::default() }.draw(sample, rng)
    }
}

fn positive(parameter: &'static str, range: Range) -> Result<(), TransformError> {
    range.validate(parameter)?;
    if range.0 > 0.0 { Ok(()) } else { Err(TransformError::parameter(parameter, range.0, "must be above 0")) }
}
