//! Intensities of the foreground of the training images.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::problem::PlansProblem;

/// Statistics of a channel's foreground voxels over the training images, in the unit of the image (HU for CT).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntensityProperties {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
    /// Value below which 0.5 % of the voxels lie.
    pub percentile_00_5: f64,
    /// Value below which 99.5 % of the voxels lie.
    pub percentile_99_5: f64,
}

/// The properties of each channel that has all four numbers, under the newer or the older name.
pub(super) fn intensities(plans: &Fields<'_>) -> Result<BTreeMap<usize, IntensityProperties>, PlansProblem> {
    let newer = plans.optional_object("foreground_intensity_properties_per_channel")?;
    let older = || plans.optional_object("foreground_intensity_properties_by_modality");
    let Some(channels) = newer.map_or_else(older, |channels| Ok(Some(channels)))? else {
        return Ok(BTreeMap::new());
    };
    let mut properties = BTreeMap::new();
    for key in channels.keys() {
        let channel = key.parse().map_err(|_| channels.expected(key, "the number of a channel"))?;
        let Some(numbers) = channels.optional_object(key)? else { continue };
        if ["mean", "std", "percentile_00_5", "percentile_99_5"].iter().any(|key| numbers.optional(key).is_none()) {
            continue;
        }
        let (mean, std) = (numbers.number("mean")?, numbers.number("std")?);
        let (percentile_00_5, percentile_99_5) =
            (numbers.number("percentile_00_5")?, numbers.number("percentile_99_5")?);
        if percentile_00_5 > percentile_99_5 {
            return Err(numbers.expected("percentile_00_5", "at most percentile_99_5"));
        }
        properties.insert(channel, IntensityProperties { mean, std, percentile_00_5, percentile_99_5 });
    }
    Ok(properties)
}
