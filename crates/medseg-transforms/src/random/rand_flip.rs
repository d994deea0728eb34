//! Random reversing of axes.

use medseg_volume::{Axes, Dhw};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::chance::{happens, validate_probability};
use crate::spatial::permuted;
use crate::{Draw, LazySample, Transform, TransformError};

/// Reverses each of some axes with a probability of its own draw: mirroring as nnU-Net does it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandFlip {
    /// Probability for each axis.
    pub p: f64,
    /// Which axes may be reversed, along `[depth, height, width]`.
    pub axes: Dhw<bool>,
}

impl Transform for RandFlip {
    fn name(&self) -> String {
        "rand_flip".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, _: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        Ok(permuted(Axes::flip(self.axes.map(|allowed| allowed && happens(self.p, rng)))))
    }
}
