//! Random quarter turns.

use medseg_volume::Axes;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::chance::{happens, validate_probability};
use crate::spatial::{permuted, validate_plane};
use crate::{Draw, LazySample, Transform, TransformError};

/// With a probability, 1 to `max_times` quarter turns (MONAI's `RandRotate90`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandRotate90 {
    /// Probability that it turns at all.
    pub p: f64,
    /// Most quarter turns, 1 to 3.
    #[serde(default = "three")]
    pub max_times: i32,
    /// Two of the axes 0, 1, 2 (depth, height, width).
    pub plane: (usize, usize),
}

fn three() -> i32 {
    3
}

impl Transform for RandRotate90 {
    fn name(&self) -> String {
        "rand_rotate90".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_probability(self.p)?;
        validate_plane(self.plane)?;
        if (1..=3).contains(&self.max_times) {
            return Ok(());
        }
        Err(TransformError::parameter("max_times", self.max_times, "must be between 1 and 3"))
    }

    fn is_random(&self) -> bool {
        true
    }

    fn draw(&self, _: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        if !happens(self.p, rng) {
            return Ok(Draw::Skip);
        }
        Ok(permuted(Axes::rotate90(rng.random_range(1..=self.max_times), self.plane)))
    }
}
