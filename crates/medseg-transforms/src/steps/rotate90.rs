//! Quarter turns.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::chance::{happens, validate_probability};
use crate::{Axes, Draw, LazySample, SpatialChange, Transform, TransformError};

/// Turns by 90 degrees from the first axis of the plane towards the second (MONAI's `Rotate90`). Exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate90 {
    /// How often; negative turns go back.
    pub times: i32,
    /// Two of the axes 0, 1, 2 (depth, height, width).
    pub plane: (usize, usize),
}

impl Transform for Rotate90 {
    fn name(&self) -> String {
        "rotate90".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        validate_plane(self.plane)
    }

    fn draw(&self, _: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        self.validate()?;
        Ok(turned(self.times, self.plane))
    }
}

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
        Ok(if happens(self.p, rng) { turned(rng.random_range(1..=self.max_times), self.plane) } else { Draw::Skip })
    }
}

fn validate_plane((a, b): (usize, usize)) -> Result<(), TransformError> {
    if a < 3 && b < 3 && a != b {
        return Ok(());
    }
    Err(TransformError::parameter("plane", format!("[{a}, {b}]"), "must be two different axes of 0, 1, 2"))
}

fn turned(times: i32, plane: (usize, usize)) -> Draw {
    let axes = Axes::rotate90(times, plane);
    if axes.is_identity() { Draw::Skip } else { SpatialChange::Axes(axes).into() }
}
