//! Normalisation of a channel.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::intensities::IntensityProperties;
use super::problem::PlansProblem;
use crate::preprocess::Normalization;

/// Channels that an image may have.
pub(super) const MOST_CHANNELS: usize = 1024;

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
                let of = intensities.get(&channel).ok_or(PlansProblem::NoIntensities { channel })?;
                let (lower, upper) = (of.percentile_00_5, of.percentile_99_5);
                Normalization::Ct { lower, upper, mean: of.mean, std: of.std }
            }
            "ZScoreNormalization" => Normalization::ZScore { masked: use_mask },
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
