//! Random changes of intensities.

use medseg_volume::Dhw;
use ndarray::Axis;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::chance::{Range, along_axes, happens, validate_probability};
use crate::one_or_three::one_or_three;
use crate::{
    AdjustBrightness, AdjustContrast, AdjustGamma, BlurBorder, Draw, GaussianNoise, GaussianSmooth, IntensityChange,
    LazySample, Sample, SimulateLowResolution, Transform, TransformError,
};

/// Factors around 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorRange {
    /// All equally likely.
    Uniform(Range),
    /// Below 1 as often as above, and equally likely on either side, as nnU-Net draws them. A range that lies on one side
    /// of 1 is uniform.
    Balanced(Range),
}

impl FactorRange {
    fn range(self) -> Range {
        let (Self::Uniform(range) | Self::Balanced(range)) = self;
        range
    }

    fn draw(self, rng: &mut dyn Rng) -> f64 {
        match self {
            Self::Balanced(Range(low, high)) if low < 1.0 && high > 1.0 => {
                if happens(0.5, rng) {
                    Range(low, 1.0).draw(rng)
                } else {
                    Range(1.0, high).draw(rng)
                }
            }
            _ => self.range().draw(rng),
        }
    }
}

/// The random change of a [`RandIntensity`]. Written as `{"its_name": {its fields}}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RandIntensityChange {
    /// Adds [`GaussianNoise`] of mean 0.
    GaussianNoise {
        /// Standard deviation.
        std: Range,
    },
    /// [`GaussianSmooth`], MONAI's `RandGaussianSmooth` where the border is [`BlurBorder::Zero`].
    GaussianSmooth {
        /// Standard deviations in voxels, along `[depth, height, width]`. A file may give one range for all axes.
        #[serde(deserialize_with = "one_or_three")]
        sigma: Dhw<Range>,
        /// One draw for all three axes: the same share of each one's range.
        #[serde(default)]
        same_for_axes: bool,
        /// Values outside the volume.
        #[serde(default)]
        border: BlurBorder,
    },
    /// [`AdjustGamma`], MONAI's `RandAdjustContrast`.
    Gamma {
        /// The power.
        gamma: FactorRange,
        /// Correct the negative image.
        #[serde(default)]
        invert: bool,
        /// Keep mean and standard deviation.
        #[serde(default)]
        retain_stats: bool,
    },
    /// [`AdjustBrightness`] by a factor (MONAI's `RandScaleIntensity`, where the factor is one less).
    MultiplyBrightness {
        /// The factor.
        factor: FactorRange,
    },
    /// [`AdjustBrightness`] by an offset, MONAI's `RandShiftIntensity`.
    ShiftBrightness {
        /// The offset.
        offset: Range,
    },
    /// [`AdjustContrast`].
    Contrast {
        /// The factor.
        factor: FactorRange,
        /// Cut off what leaves the image's old range.
        preserve_range: bool,
    },
    /// [`SimulateLowResolution`].
    SimulateLowResolution {
        /// Share of the voxels that are left along `[depth, height, width]`. A file may give one range for all axes.
        #[serde(deserialize_with = "one_or_three")]
        scale: Dhw<Range>,
        /// One draw for all three axes: the same share of each one's range.
        #[serde(default)]
        same_for_axes: bool,
    },
}

impl RandIntensityChange {
    fn draw(&self, rng: &mut dyn Rng) -> IntensityChange {
        match *self {
            Self::GaussianNoise { std } => {
                let (std, seed) = (std.draw(rng), rng.next_u64());
                GaussianNoise { mean: 0.0, std, seed }.into()
            }
            Self::GaussianSmooth { sigma, same_for_axes, border } => {
                GaussianSmooth { sigma: along_axes(sigma, same_for_axes, rng), border }.into()
            }
            Self::Gamma { gamma, invert, retain_stats } => {
                AdjustGamma { gamma: gamma.draw(rng), invert, retain_stats }.into()
            }
            Self::MultiplyBrightness { factor } => AdjustBrightness { factor: factor.draw(rng), offset: 0.0 }.into(),
            Self::ShiftBrightness { offset } => AdjustBrightness { factor: 1.0, offset: offset.draw(rng) }.into(),
            Self::Contrast { factor, preserve_range } => {
                AdjustContrast { factor: factor.draw(rng), preserve_range }.into()
            }
            Self::SimulateLowResolution { scale, same_for_axes } => {
                SimulateLowResolution { scale: along_axes(scale, same_for_axes, rng) }.into()
            }
        }
    }

    /// The changes at both ends of the ranges.
    fn ends(&self) -> Result<[IntensityChange; 2], TransformError> {
        let (name, ranges) = match *self {
            Self::GaussianNoise { std } => ("std", Dhw::splat(std)),
            Self::GaussianSmooth { sigma, .. } => ("sigma", sigma),
            Self::Gamma { gamma, .. } => ("gamma", Dhw::splat(gamma.range())),
            Self::MultiplyBrightness { factor } | Self::Contrast { factor, .. } => {
                ("factor", Dhw::splat(factor.range()))
            }
            Self::ShiftBrightness { offset } => ("offset", Dhw::splat(offset)),
            Self::SimulateLowResolution { scale, .. } => ("scale", scale),
        };
        ranges.to_array().iter().try_for_each(|range| range.validate(name))?;
        Ok([ranges.map(|range| range.0), ranges.map(|range| range.1)].map(|ends| match *self {
            Self::GaussianNoise { .. } => GaussianNoise { mean: 0.0, std: ends.d, seed: 0 }.into(),
            Self::GaussianSmooth { border, .. } => GaussianSmooth { sigma: ends, border }.into(),
            Self::Gamma { invert, retain_stats, .. } => AdjustGamma { gamma: ends.d, invert, retain_stats }.into(),
            Self::MultiplyBrightness { .. } => AdjustBrightness { factor: ends.d, offset: 0.0 }.into(),
            Self::ShiftBrightness { .. } => AdjustBrightness { factor: 1.0, offset: ends.d }.into(),
            Self::Contrast { preserve_range, .. } => AdjustContrast { factor: ends.d, preserve_range }.into(),
            Self::SimulateLowResolution { .. } => SimulateLowResolution { scale: ends }.into(),
        }))
    }
}

/// Changes intensities at random: with probability `p` those of the sample, and then of each channel with `p_channel`.
///
/// It draws an [`IntensityChange`] for each channel, which the trace keeps.
///
/// ```
/// use medseg_transforms::{Pipeline, RandIntensity, RandIntensityChange, Range, Sample, Step};
/// use medseg_volume::{Dhw, Geometry};
///
/// let noise = RandIntensity::new(0.5, RandIntensityChange::GaussianNoise { std: Range(0.0, 0.1) });
/// let pipeline = Pipeline::<Step>::new().then(noise);
/// let image = ndarray::Array3::zeros((4, 5, 6));
/// let sample = Sample::new("a", image, None, Geometry::from_spacing(Dhw::splat(1.0))?);
///
/// let done = pipeline.apply_one(sample.clone(), 3)?;
/// assert_eq!(pipeline.replay(sample, &done.trace)?.sample, done.sample);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandIntensity {
    /// Probability that anything is done.
    pub p: f64,
    /// Probability for each channel then.
    #[serde(default = "one")]
    pub p_channel: f64,
    /// All channels that change are changed by the same numbers (and the same noise).
    #[serde(default)]
    pub same_for_channels: bool,
    /// The change.
    pub change: RandIntensityChange,
}

fn one() -> f64 {
    1.0
}

impl RandIntensity {
    /// With probability `p`, all channels by numbers of their own.
    #[must_use]
    pub fn new(p: f64, change: RandIntensityChange) -> Self {
        Self { p, p_channel: 1.0, same_for_channels: false, change }
    }
}

impl Transform for RandIntensity {
    fn name(&self) -> String {
        "rand_intensity".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)?;
        validate_probability(self.p_channel)?;
        self.change.ends()?.iter().try_for_each(IntensityChange::validate)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        if !happens(self.p, rng) {
            return Ok(Draw::Skip);
        }
        let common = self.same_for_channels.then(|| self.change.draw(rng));
        let mut of_channel = || {
            let changes = happens(self.p_channel, rng);
            changes.then(|| common.unwrap_or_else(|| self.change.draw(rng)))
        };
        let changes: Vec<Option<IntensityChange>> = (0..sample.channels()).map(|_| of_channel()).collect();
        if changes.iter().all(Option::is_none) { Ok(Draw::Skip) } else { Draw::parameters(self, changes) }
    }

    fn apply(&self, sample: &mut Sample, parameters: &Value) -> Result<(), TransformError> {
        let changes: Vec<Option<IntensityChange>> = Draw::read(self, parameters)?;
        if changes.len() != sample.image.dim().0 {
            let reason = "the recorded parameters are of another number of channels";
            return Err(TransformError::NotReplayable { transform: self.name(), reason });
        }
        let mut channels = sample.image.axis_iter_mut(Axis(0)).zip(changes);
        channels.try_for_each(|(mut channel, change)| change.map_or(Ok(()), |change| change.apply(&mut channel)))
    }
}
