//! Ranges and probabilities of random transforms.

use medseg_volume::Dhw;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::TransformError;

/// Numbers from the first to the second, all equally likely; serialised as `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range(pub f64, pub f64);

impl Range {
    /// From -`most` to `most`.
    #[must_use]
    pub fn symmetric(most: f64) -> Self {
        Self(-most, most)
    }

    pub(crate) fn draw(self, rng: &mut dyn Rng) -> f64 {
        self.at(rng.random())
    }

    /// The number that lies at `share` of the way from the first to the second.
    pub(crate) fn at(self, share: f64) -> f64 {
        self.0 + (self.1 - self.0) * share
    }

    pub(crate) fn validate(self, parameter: &'static str) -> Result<(), TransformError> {
        if self.0 <= self.1 && self.0.is_finite() && self.1.is_finite() {
            return Ok(());
        }
        let reason = "must be two numbers, the lower one first";
        Err(TransformError::parameter(parameter, format!("[{}, {}]", self.0, self.1), reason))
    }
}

/// A number for each axis; with `same` all at one share of their ranges.
pub(crate) fn along_axes(ranges: Dhw<Range>, same: bool, rng: &mut dyn Rng) -> Dhw<f64> {
    if !same {
        return ranges.map(|range| range.draw(rng));
    }
    let share = rng.random();
    ranges.map(|range| range.at(share))
}

/// True with probability `p`: never for 0, always for 1.
pub(crate) fn happens(p: f64, rng: &mut dyn Rng) -> bool {
    rng.random::<f64>() < p
}

pub(crate) fn validate_probability(p: f64) -> Result<(), TransformError> {
    if (0.0..=1.0).contains(&p) { Ok(()) } else { Err(TransformError::parameter("p", p, "must be between 0 and 1")) }
}
