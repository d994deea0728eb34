//! Settings of a cascade.

use medseg_volume::Dhw;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use crate::rule::MaskRule;

/// The search when the coarse mask is empty, or smaller than [`CascadeConfig::min_coarse_ml`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Run the fine network over the whole image.
    #[default]
    FullVolume,
    /// Return an empty mask.
    EmptyMask,
}

/// Growth of the box after a fine mask that it may have cut.
///
/// Where the fine mask reaches a face of the box that is not the image's border, that face moves outwards and the fine
/// network runs again. If the mask still reaches a face after the last round, or is empty although the coarse network saw
/// something, the whole image is searched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Most times that the box grows.
    pub rounds: usize,
    /// Distance that a face moves in the first round, millimetres (at least one voxel); twice as far in every further one.
    pub step_mm: f64,
}

impl Default for Growth {
    /// Three rounds of 20, 40 and 80 mm.
    fn default() -> Self {
        Self { rounds: 3, step_mm: 20.0 }
    }
}

/// Parameters of a [`Cascade`](crate::Cascade). `Default` is [`safe`](CascadeConfig::safe).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CascadeConfig {
    /// Margin around the coarse mask's box on every side, in voxels of the coarse grid.
    pub coarse_margin: Dhw<usize>,
    /// Margin on every side beyond [`coarse_margin`](CascadeConfig::coarse_margin), millimetres.
    pub margin_mm: f64,
    /// Components of the coarse mask (26-connected) below this share of the largest one are spurious and left out: 0
    /// keeps all, 1 the largest alone.
    pub min_component_share: f64,
    /// A coarse mask below this volume counts as empty, millilitres.
    pub min_coarse_ml: f64,
    /// The rule that makes labels of logits, in both stages.
    pub rule: MaskRule,
    /// The search when the coarse mask is empty.
    pub fallback: Fallback,
    /// Growth of the box after a mask that it cuts; `None` leaves the box as the coarse network gave it (in files `"none"`).
    #[serde(with = "growth_or_none")]
    pub growth: Option<Growth>,
    /// Give the fine network the coarse mask as its last channel: 1 inside, 0 outside, the nearest voxel of the coarse grid.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mask_channel: bool,
}

impl CascadeConfig {
    /// Values of the reference experiments: margin 2 voxels of the coarse grid, every component, threshold 0.5, the box as the
    /// coarse network gave it. Without a coarse mask, which they left open, the fine network runs over the whole image.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            coarse_margin: Dhw::splat(2),
            margin_mm: 0.0,
            min_component_share: 0.0,
            min_coarse_ml: 0.0,
            rule: MaskRule::default(),
            fallback: Fallback::FullVolume,
            growth: None,
            mask_channel: false,
        }
    }

    /// Values that keep the box from cutting the organ: 10 mm more margin, components below half a percent of the largest one
    /// left out, [`Growth`] by default.
    ///
    /// A part that the coarse network missed altogether, and that lies apart from the rest, stays lost. A box that grows shows
    /// the fine network more of the image than it may have learnt: one trained on boxes only drew false parts beyond them, where
    /// [`growth`](Self::growth) `None` did better.
    #[must_use]
    pub fn safe() -> Self {
        Self { margin_mm: 10.0, min_component_share: 0.005, growth: Some(Growth::default()), ..Self::reference() }
    }

    /// Sets the margin around the coarse mask's box, voxels of the coarse grid on every side.
    #[must_use]
    pub fn with_coarse_margin(self, coarse_margin: Dhw<usize>) -> Self {
        Self { coarse_margin, ..self }
    }

    /// Sets the margin beyond that, millimetres on every side.
    #[must_use]
    pub fn with_margin_mm(self, margin_mm: f64) -> Self {
        Self { margin_mm, ..self }
    }

    /// Sets the share of the largest component below which others are left out.
    #[must_use]
    pub fn with_min_component_share(self, min_component_share: f64) -> Self {
        Self { min_component_share, ..self }
    }

    /// Sets the least volume of a coarse mask, millilitres.
    #[must_use]
    pub fn with_min_coarse_ml(self, min_coarse_ml: f64) -> Self {
        Self { min_coarse_ml, ..self }
    }

    /// Sets the rule that makes labels of logits.
    #[must_use]
    pub fn with_rule(self, rule: MaskRule) -> Self {
        Self { rule, ..self }
    }

    /// Sets the search when the coarse mask is empty.
    #[must_use]
    pub fn with_fallback(self, fallback: Fallback) -> Self {
        Self { fallback, ..self }
    }

    /// Sets the growth of the box.
    #[must_use]
    pub fn with_growth(self, growth: Option<Growth>) -> Self {
        Self { growth, ..self }
    }

    /// Sets whether the fine network gets the coarse mask as its last channel.
    #[must_use]
    pub fn with_mask_channel(self, mask_channel: bool) -> Self {
        Self { mask_channel, ..self }
    }

    /// Channels of the fine network's input for an image of so many channels.
    #[must_use]
    pub fn fine_channels(&self, image_channels: usize) -> usize {
        image_channels + usize::from(self.mask_channel)
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a length, a volume, a share or a threshold without meaning.
    pub fn validate(&self) -> Result<(), InferenceError> {
        let fail = |parameter, value: &dyn ToString, rule| {
            Err(InferenceError::Parameter { parameter, value: value.to_string(), rule })
        };
        let length = |v: f64| v >= 0.0 && v.is_finite();
        if !length(self.margin_mm) {
            return fail("margin_mm", &self.margin_mm, "must be a length that is not negative");
        }
        if !(0.0..=1.0).contains(&self.min_component_share) {
            return fail("min_component_share", &self.min_component_share, "must be from 0 to 1");
        }
        if !length(self.min_coarse_ml) {
            return fail("min_coarse_ml", &self.min_coarse_ml, "must be a volume that is not negative");
        }
        if let Some(growth) = self.growth
            && !length(growth.step_mm)
        {
            return fail("growth.step_mm", &growth.step_mm, "must be a length that is not negative");
        }
        self.rule.validate()
    }
}

impl Default for CascadeConfig {
    fn default() -> Self {
        Self::safe()
    }
}

/// [`CascadeConfig::growth`] in files: a key that says `"none"`, since TOML cannot write a value that is not there.
mod growth_or_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Growth;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        None,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Choice {
        Word(Word),
        Growth(Growth),
    }

    pub(super) fn serialize<S: Serializer>(growth: &Option<Growth>, serializer: S) -> Result<S::Ok, S::Error> {
        growth.map_or(Choice::Word(Word::None), Choice::Growth).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Growth>, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            Some(Choice::Growth(growth)) => Some(growth),
            Some(Choice::Word(Word::None)) | None => None,
        })
    }
}
