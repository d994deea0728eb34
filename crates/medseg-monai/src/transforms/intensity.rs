//! Intensities.

use crate::BundleProblem;
use crate::config::{Component, Value, single};

/// `ScaleIntensityRanged`: a range of intensities to another one.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScaleIntensityRange {
    /// Lower and upper bound of the image's intensities.
    pub from: [f64; 2],
    /// Values that they become; nothing means 0 to 1, without the bounds for clipping.
    pub to: [Option<f64>; 2],
    /// True if values beyond the result's bounds are clipped.
    pub clip: bool,
}

impl ScaleIntensityRange {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.ignore(&["dtype"]);
        Ok(Self {
            from: [component.required_number("a_min")?, component.required_number("a_max")?],
            to: [component.optional_number("b_min")?, component.optional_number("b_max")?],
            clip: component.flag("clip", false)?,
        })
    }
}

/// `ScaleIntensityd`: least and largest intensity to given values, or a factor.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScaleIntensity {
    /// Values of the least and the largest intensity; nothing if the factor decides.
    pub range: Option<[f64; 2]>,
    /// Without a range, `v` becomes `v · (1 + factor)`.
    pub factor: Option<f64>,
    /// True if each channel is scaled by its own intensities.
    pub channel_wise: bool,
}

impl ScaleIntensity {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.ignore(&["dtype"]);
        let bound = |component: &mut Component<'_>, name: &str, default: f64| match component.take(name)? {
            None => Ok(Some(default)),
            Some(Value::None) => Ok(None),
            Some(value) => match single(value).number() {
                Some(value) => Ok(Some(value)),
                None => Err(BundleProblem::value(component.argument(name), "a number or null")),
            },
        };
        let (least, largest) = (bound(component, "minv", 0.0)?, bound(component, "maxv", 1.0)?);
        let factor = component.optional_number("factor")?;
        let range = match (least, largest) {
            (Some(least), Some(largest)) => Some([least, largest]),
            (None, None) if factor.is_some() => None,
            _ => {
                return Err(BundleProblem::value(
                    component.argument("minv"),
                    "given with maxv, or both null with a factor",
                ));
            }
        };
        Ok(Self { range, factor, channel_wise: component.flag("channel_wise", false)? })
    }
}

/// `NormalizeIntensityd`: subtracts a mean and divides by a deviation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NormalizeIntensity {
    /// Numbers to subtract, one for all channels or one a channel; nothing means the image's mean.
    pub subtrahend: Option<Vec<f64>>,
    /// Numbers to divide by, one for all channels or one a channel; nothing means the image's standard deviation.
    pub divisor: Option<Vec<f64>>,
    /// True if voxels of value 0 are neither counted nor changed.
    pub nonzero: bool,
    /// True if each channel has its own mean and deviation.
    pub channel_wise: bool,
}

impl NormalizeIntensity {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.ignore(&["dtype"]);
        let channel_wise = component.flag("channel_wise", false)?;
        let list = |component: &mut Component<'_>, name: &str| {
            let Some(value) = component.some(name)? else { return Ok(None) };
            let numbers: Option<Vec<f64>> = match &value {
                Value::List(values) => values.iter().map(Value::number).collect(),
                value => value.number().map(|number| vec![number]),
            };
            let numbers = numbers.filter(|numbers| numbers.len() == 1 || (channel_wise && !numbers.is_empty()));
            let expected = "a number, or with channel_wise a list of numbers";
            numbers.map(Some).ok_or_else(|| BundleProblem::value(component.argument(name), expected))
        };
        let (subtrahend, divisor) = (list(component, "subtrahend")?, list(component, "divisor")?);
        Ok(Self { subtrahend, divisor, nonzero: component.flag("nonzero", false)?, channel_wise })
    }
}

/// `ScaleIntensityRangePercentilesd`: percentiles of the image to given values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScaleIntensityRangePercentiles {
    /// Lower and upper percentile, 0 to 100.
    pub percentiles: [f64; 2],
    /// Values that they become.
    pub to: [Option<f64>; 2],
    /// True if values beyond the result's bounds are clipped.
    pub clip: bool,
    /// True if the bounds are moved by the percentiles' shares of the range.
    pub relative: bool,
    /// True if each channel has its own percentiles.
    pub channel_wise: bool,
}

impl ScaleIntensityRangePercentiles {
    pub(crate) fn read(component: &mut Component<'_>) -> Result<Self, BundleProblem> {
        component.ignore(&["dtype"]);
        let percentiles = [component.required_number("lower")?, component.required_number("upper")?];
        if !percentiles.iter().all(|percent| (0.0..=100.0).contains(percent)) {
            return Err(BundleProblem::value(component.argument("lower"), "with upper within 0 and 100"));
        }
        Ok(Self {
            percentiles,
            to: [component.optional_number("b_min")?, component.optional_number("b_max")?],
            clip: component.flag("clip", false)?,
            relative: component.flag("relative", false)?,
            channel_wise: component.flag("channel_wise", false)?,
        })
    }
}
