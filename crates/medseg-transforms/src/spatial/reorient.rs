//! Axes that point another way.

use medseg_volume::{Axes, Orientation};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::permuted;
use crate::{Draw, LazySample, Transform, TransformError};

/// MONAI's `Orientation`: the axes i, j, k (width, height, depth) point closest to the given directions. Exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorient {
    /// Such as `"RAS"`.
    pub to: Orientation,
}

impl Transform for Reorient {
    fn name(&self) -> String {
        "orientation".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let axes = Axes::between(sample.geometry().orientation(), self.to);
        Ok(permuted(axes))
    }
}
