//! Reversing axes.

use medseg_volume::{Axes, Dhw};
use ndarray::{Array3, ArrayView3};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Draw, LazySample, SpatialChange, Transform, TransformError};

/// Reverses the axes that are `true` in `[depth, height, width]` order; twice is the identity.
#[must_use]
pub fn flip<T: Copy>(volume: &ArrayView3<'_, T>, axes: Dhw<bool>) -> Array3<T> {
    Axes::flip(axes).apply(volume)
}

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
        Ok(permuted(Axes::flip(self.axes)))
    }
}

/// A change of axes; nothing if they stay.
pub(crate) fn permuted(axes: Axes) -> Draw {
    if axes.is_identity() { Draw::Skip } else { SpatialChange::Axes(axes).into() }
}
