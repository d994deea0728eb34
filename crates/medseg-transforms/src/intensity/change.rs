//! Any change of intensities as one type.

use ndarray::{ArrayViewMut3, ArrayViewMut4, Axis};
use serde::{Deserialize, Serialize};

use super::{
    AdjustBrightness, AdjustContrast, AdjustGamma, ClipIntensityPercentiles, CtWindow, GaussianNoise, GaussianSmooth,
    HistogramNormalize, Intensity, NormalizeIntensity, ScaleIntensity, ScaleIntensityRange,
    ScaleIntensityRangePercentiles, SimulateLowResolution,
};
use crate::TransformError;

/// Any change of intensities with nothing left to chance: what a step of a pipeline does, and what a random one draws.
/// Written as `{"its_name": {its fields}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntensityChange {
    /// An experiment's setting; what is not finite becomes 0.
    Setting(Intensity),
    /// A window of CT, clipped and scaled to [0, 1].
    CtWindow(CtWindow),
    /// One range becomes another.
    ScaleIntensityRange(ScaleIntensityRange),
    /// The image's range becomes another.
    ScaleIntensity(ScaleIntensity),
    /// Z-score.
    NormalizeIntensity(NormalizeIntensity),
    /// Cuts off values outside two percentiles.
    ClipIntensityPercentiles(ClipIntensityPercentiles),
    /// Two percentiles become a range.
    ScaleIntensityRangePercentiles(ScaleIntensityRangePercentiles),
    /// Histogram equalisation.
    HistogramNormalize(HistogramNormalize),
    /// Blur.
    GaussianSmooth(GaussianSmooth),
    /// Noise.
    GaussianNoise(GaussianNoise),
    /// Gamma correction.
    AdjustGamma(AdjustGamma),
    /// Brightness.
    AdjustBrightness(AdjustBrightness),
    /// Contrast.
    AdjustContrast(AdjustContrast),
    /// The look of a coarser scan.
    SimulateLowResolution(SimulateLowResolution),
}

impl IntensityChange {
    /// Refuses parameters that make no sense.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the parameter.
    pub fn validate(&self) -> Result<(), TransformError> {
        match self {
            Self::Setting(change) => change.validate(),
            Self::ClipIntensityPercentiles(change) => change.validate(),
            Self::ScaleIntensityRangePercentiles(change) => change.validate(),
            Self::HistogramNormalize(change) => change.validate(),
            Self::GaussianSmooth(change) => change.validate(),
            Self::GaussianNoise(change) => change.validate(),
            Self::AdjustGamma(change) => change.validate(),
            Self::AdjustBrightness(change) => change.validate(),
            Self::AdjustContrast(change) => change.validate(),
            Self::SimulateLowResolution(change) => change.validate(),
            Self::CtWindow(_)
            | Self::ScaleIntensityRange(_)
            | Self::ScaleIntensity(_)
            | Self::NormalizeIntensity(_) => Ok(()),
        }
    }

    /// Changes one channel in place.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply(&self, channel: &mut ArrayViewMut3<'_, f32>) -> Result<(), TransformError> {
        self.validate()?;
        match self {
            Self::Setting(change) => change.apply(channel),
            Self::CtWindow(window) => window.scale_intensity_range().apply(channel),
            Self::ScaleIntensityRange(change) => change.apply(channel),
            Self::ScaleIntensity(change) => change.apply(channel),
            Self::NormalizeIntensity(change) => change.apply(channel),
            Self::ClipIntensityPercentiles(change) => change.apply(channel),
            Self::ScaleIntensityRangePercentiles(change) => change.apply(channel),
            Self::HistogramNormalize(change) => return change.apply(channel),
            Self::GaussianSmooth(change) => return change.apply(channel),
            Self::GaussianNoise(change) => return change.apply(channel),
            Self::AdjustGamma(change) => return change.apply(channel),
            Self::AdjustBrightness(change) => change.apply(channel),
            Self::AdjustContrast(change) => change.apply(channel),
            Self::SimulateLowResolution(change) => return change.apply(channel),
        }
        Ok(())
    }

    /// Changes all channels in place with statistics (means, percentiles, ranges) over all of them together. Noise is the
    /// same in all channels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn apply_together(&self, image: &mut ArrayViewMut4<'_, f32>) -> Result<(), TransformError> {
        let needs_volume =
            matches!(self, Self::GaussianSmooth(_) | Self::GaussianNoise(_) | Self::SimulateLowResolution(_));
        if needs_volume || image.dim().0 == 1 {
            return image.axis_iter_mut(Axis(0)).try_for_each(|mut channel| self.apply(&mut channel));
        }
        // Nothing else looks at where a voxel lies, so the channels may lie one behind another in one volume.
        let (channels, d, h, w) = image.dim();
        match image.view_mut().into_shape_with_order((channels * d, h, w)) {
            Ok(mut stacked) => self.apply(&mut stacked),
            Err(_) => {
                let mut copy = image.to_owned();
                self.apply_together(&mut copy.view_mut())?;
                image.assign(&copy);
                Ok(())
            }
        }
    }
}

macro_rules! from {
    ($($variant:ident($change:ty)),*) => {
        $(impl From<$change> for IntensityChange {
            fn from(change: $change) -> Self {
                Self::$variant(change)
            }
        })*
    };
}

from! {
    Setting(Intensity), CtWindow(CtWindow), ScaleIntensityRange(ScaleIntensityRange), ScaleIntensity(ScaleIntensity),
    NormalizeIntensity(NormalizeIntensity), ClipIntensityPercentiles(ClipIntensityPercentiles),
    ScaleIntensityRangePercentiles(ScaleIntensityRangePercentiles), HistogramNormalize(HistogramNormalize),
    GaussianSmooth(GaussianSmooth), GaussianNoise(GaussianNoise), AdjustGamma(AdjustGamma),
    AdjustBrightness(AdjustBrightness), AdjustContrast(AdjustContrast), SimulateLowResolution(SimulateLowResolution)
}
