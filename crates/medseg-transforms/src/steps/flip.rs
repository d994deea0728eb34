//! Reversing axes.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::chance::{happens, validate_probability};
use crate::{Axes, Draw, LazySample, SpatialChange, Transform, TransformError};

/// Reverses axes (MONAI's `Flip`). The patient stays where it is: the geometry follows, so that a flip is one of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    /// Which axes, along `[depth, height, width]`.
    pub axes: Dhw<bool>,
}

impl Transform for Flip {
    fn name(&self) -> String {
        "flip".into()
    }

    fn draw(&self, _: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        Ok(flipped(self.axes))
    }
}

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
        Ok(flipped(self.axes.map(|allowed| allowed && happens(self.p, rng))))
    }
}

fn flipped(axes: Dhw<bool>) -> Draw {
    if axes == Dhw::splat(false) { Draw::Skip } else { SpatialChange::Axes(Axes::flip(axes)).into() }
}
