//! Padding.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{BoxDhw, Draw, LazySample, PadMethod, SpatialChange, SpatialPad, Transform, TransformError};

/// MONAI's `SpatialPad`: axes shorter than `size` are padded to it, longer ones (and those of size 0) left alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadToSize {
    /// Least number of voxels along each axis.
    pub size: Dhw<usize>,
    /// Where the padding goes.
    #[serde(default)]
    pub method: PadMethod,
    /// The image's value there; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl Transform for PadToSize {
    fn name(&self) -> String {
        "spatial_pad".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        Ok(padded(sample.shape(), self.size, self.method, self.value))
    }
}

/// MONAI's `DivisiblePad`: every axis is padded to a multiple of `k`; 0 leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivisiblePad {
    /// Divides the number of voxels along each axis afterwards.
    pub k: Dhw<usize>,
    /// Where the padding goes.
    #[serde(default)]
    pub method: PadMethod,
    /// The image's value there; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl Transform for DivisiblePad {
    fn name(&self) -> String {
        "divisible_pad".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let multiple = |(side, k): (usize, usize)| side.checked_next_multiple_of(k.max(1)).unwrap_or(usize::MAX);
        let size = sample.shape().zip(self.k).map(multiple);
        Ok(padded(sample.shape(), size, self.method, self.value))
    }
}

fn padded(shape: Dhw<usize>, size: Dhw<usize>, method: PadMethod, value: f32) -> Draw {
    let padding = SpatialPad { size, method }.padding(shape);
    let region = BoxDhw {
        start: padding.map(|(before, _)| 0isize.saturating_sub_unsigned(before)),
        size: shape.zip(size).map(|(side, size)| side.max(size)),
    };
    cropped(shape, region, value)
}

/// A crop, or nothing if it would change nothing.
pub(super) fn cropped(shape: Dhw<usize>, region: BoxDhw, outside: f32) -> Draw {
    if region == BoxDhw::whole(shape) { Draw::Skip } else { SpatialChange::Crop { region, outside }.into() }
}
