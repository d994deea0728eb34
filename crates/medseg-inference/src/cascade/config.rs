//! The settings of a cascade.

use medseg_volume::Dhw;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use crate::rule::MaskRule;
use crate::sliding_window::SlidingWindow;

/// What to do when the coarse mask is empty, or smaller than [`CascadeConfig::min_coarse_ml`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Run the fine network over the whole image.
    #[default]
    FullVolume,
    /// Return an empty mask.
    EmptyMask,
}

/// How far the box follows a fine mask that it may have cut.
///
/// Where the fine mask reaches a face of the box that is not the image's border, that face moves outwards and the fine
/// network runs again. If the mask still reaches a face after the last round, or is empty although the coarse network saw
/// something, the whole image is searched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Most times that the box grows.
    pub rounds: usize,
    /// How far a face moves in the first round, millimetres (at least one voxel); twice as far in every further one.
    pub step_mm: f64,
}

impl Default for Growth {
    /// Three rounds of 20, 40 and 80 mm.
    fn default() -> Self {
        Self { rounds: 3, step_mm: 20.0 }
    }
}

/// Parameters of a [`Cascade`](crate::Cascade). `Default` is [`safe`](CascadeConfig::safe).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CascadeConfig {
    /// Grid to which the whole image is resized for the coarse network.
    pub coarse_size: Dhw<usize>,
    /// Margin around the coarse mask's box on every side, in voxels of the coarse grid.
    pub coarse_margin: Dhw<usize>,
    /// Margin on every side beyond [`coarse_margin`](CascadeConfig::coarse_margin), millimetres.
    pub margin_mm: f64,
    /// Components of the coarse mask (26-connected) below this share of the largest one are taken for dirt: 0 keeps all, 1
    /// the largest alone.
    pub min_component_share: f64,
    /// A coarse mask below this volume counts as empty, millilitres: what the organ cannot be smaller than.
    pub min_coarse_ml: f64,
    /// How logits become labels, in both stages.
    pub rule: MaskRule,
    /// What to do when the coarse mask is empty.
    pub fallback: Fallback,
    /// How the box follows a mask that it cuts; `None` leaves it as the coarse network had it.
    pub growth: Option<Growth>,
    /// How the fine network runs over the box.
    pub window: SlidingWindow,
}

impl CascadeConfig {
    /// The experiments' values: coarse grid 128³, margin 2 voxels of it, every component, threshold 0.5, the box as the
    /// coarse network had it, and windows of 128³ with overlap 0.25, constant blending, 4 a batch. What happens without a
    /// coarse mask they left open; here the fine network then runs over the whole image.
    pub fn paper() -> Self {
        Self {
            coarse_size: Dhw::splat(128),
            coarse_margin: Dhw::splat(2),
            margin_mm: 0.0,
            min_component_share: 0.0,
            min_coarse_ml: 0.0,
            rule: MaskRule::default(),
            fallback: Fallback::FullVolume,
            growth: None,
            window: SlidingWindow::default(),
        }
    }

    /// The experiments' grids and windows, and a box that does not cut the organ: 10 mm more margin, dirt below half a
    /// percent of the largest component left out, [`Growth`] by default.
    ///
    /// What it cannot see is a part that the coarse network missed altogether and that lies apart from what it found. A box
    /// that grows shows the fine network more of the image than it may have learnt: one that trained on boxes only drew
    /// what is not there beyond them, where [`growth`](Self::growth) `None` did better.
    pub fn safe() -> Self {
        Self { margin_mm: 10.0, min_component_share: 0.005, growth: Some(Growth::default()), ..Self::paper() }
    }

    /// Checks the parameters.
    pub(crate) fn validate(&self) -> Result<(), InferenceError> {
        let fail = |parameter, value: &dyn ToString, rule| {
            Err(InferenceError::Parameter { parameter, value: value.to_string(), rule })
        };
        let length = |v: f64| v >= 0.0 && v.is_finite();
        if self.coarse_size.to_array().contains(&0) {
            return fail("coarse_size", &self.coarse_size, "every side has to be at least 1");
        }
        if self.coarse_size.voxels() > isize::MAX as usize / size_of::<f32>() {
            return Err(InferenceError::TooLarge { channels: 1, shape: self.coarse_size });
        }
        if !length(self.margin_mm) {
            return fail("margin_mm", &self.margin_mm, "has to be a length that is not negative");
        }
        if !(0.0..=1.0).contains(&self.min_component_share) {
            return fail("min_component_share", &self.min_component_share, "has to be from 0 to 1");
        }
        if !length(self.min_coarse_ml) {
            return fail("min_coarse_ml", &self.min_coarse_ml, "has to be a volume that is not negative");
        }
        if let Some(growth) = self.growth
            && !length(growth.step_mm)
        {
            return fail("growth.step_mm", &growth.step_mm, "has to be a length that is not negative");
        }
        self.rule.validate()?;
        self.window.validate()
    }
}

impl Default for CascadeConfig {
    fn default() -> Self {
        Self::safe()
    }
}
