//! Normalisation of a channel.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::intensities::IntensityProperties;
use super::problem::PlansProblem;

/// Channels that an image may have.
pub(super) const MOST_CHANNELS: usize = 1024;

/// Normalisation of a channel, before it is resampled.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Normalization {
    /// `CTNormalization`: clip to the percentiles, subtract the mean, divide by the standard deviation.
    Ct(IntensityProperties),
    /// `ZScoreNormalization`: mean and standard deviation of the channel itself.
    ZScore {
        /// True if only voxels of the non-zero mask count and change.
        use_mask: bool,
    },
    /// `NoNormalization`: values stay.
    None,
    /// `RescaleTo01Normalization`: the smallest value becomes 0, the largest 1.
    RescaleTo01,
    /// `RGBTo01Normalization`: divide by 255.
    RgbTo01,
}

/// The normalisation of each channel of a configuration.
pub(super) fn normalizations(
    configuration: &Fields<'_>,
    intensities: &BTreeMap<usize, IntensityProperties>,
) -> Result<Vec<Normalization>, PlansProblem> {
    const SCHEMES: &str = "normalization_schemes";
    const MASKS: &str = "use_mask_for_norm";
    let schemes = configuration.list(SCHEMES)?;
    if schemes.is_empty() || schemes.len() > MOST_CHANNELS {
        return Err(configuration.expected(SCHEMES, format!("a list of 1 to {MOST_CHANNELS} names")));
    }
    let masks = configuration.list(MASKS)?;
    if masks.len() != schemes.len() {
        return Err(configuration.expected(MASKS, format!("{} truth values, one a channel", schemes.len())));
    }
    let channel = |(channel, (scheme, mask)): (usize, (&serde_json::Value, &serde_json::Value))| {
        let scheme = scheme.as_str().ok_or_else(|| configuration.expected(SCHEMES, "a list of names"))?;
        let use_mask = mask.as_bool().ok_or_else(|| configuration.expected(MASKS, "a list of true and false"))?;
        Ok(match scheme {
            "CTNormalization" => {
                Normalization::Ct(*intensities.get(&channel).ok_or(PlansProblem::NoIntensities { channel })?)
            }
            "ZScoreNormalization" => Normalization::ZScore { use_mask },
            "NoNormalization" => Normalization::None,
            "RescaleTo01Normalization" => Normalization::RescaleTo01,
            "RGBTo01Normalization" => Normalization::RgbTo01,
            unknown => return Err(configuration.unsupported(SCHEMES, unknown, SUPPORTED)),
        })
    };
    schemes.iter().zip(masks).enumerate().map(channel).collect()
}

const SUPPORTED: &str =
    "CTNormalization, ZScoreNormalization, NoNormalization, RescaleTo01Normalization and RGBTo01Normalization";
