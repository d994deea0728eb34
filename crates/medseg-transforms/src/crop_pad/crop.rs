//! Cutting out a part whose place does not depend on the voxels.

use medseg_volume::Dhw;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{BoxDhw, Draw, LazySample, PadMode, SpatialChange, Transform, TransformError};

/// MONAI's `CenterSpatialCrop`: the middle `size` voxels of every axis that is longer; 0 leaves an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterCrop {
    /// Most voxels along each axis.
    pub size: Dhw<usize>,
}

impl Transform for CenterCrop {
    fn name(&self) -> String {
        "center_crop".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let shape = sample.shape();
        let size = self.size.zip(shape).map(|(size, length)| if size == 0 { length } else { size });
        Ok(cropped(shape, around(shape.map(|length| length / 2), size).clipped(shape), PadMode::Constant, 0.0))
    }
}

/// MONAI's `SpatialCrop` by centre and size: a box that would start before the volume starts with it, one that would end
/// after it ends with it and is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialCrop {
    /// Its middle voxel, the upper one of two.
    pub center: Dhw<usize>,
    /// Its voxels.
    pub size: Dhw<usize>,
}

impl Transform for SpatialCrop {
    fn name(&self) -> String {
        "spatial_crop".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let shape = sample.shape();
        let region = around(self.center, self.size).clipped(shape);
        if region.size.voxels() == 0 {
            let reason = "has no voxel in common with the volume";
            let value = format!("{} around {}", self.size, self.center);
            return Err(TransformError::parameter("crop", value, reason));
        }
        Ok(cropped(shape, region, PadMode::Constant, 0.0))
    }
}

/// Cuts out a box; where it reaches outside it is padded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropBox {
    /// The box.
    pub region: BoxDhw,
    /// Values outside the volume.
    #[serde(default)]
    pub mode: PadMode,
    /// The image's value outside with [`PadMode::Constant`]; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl Transform for CropBox {
    fn name(&self) -> String {
        "crop_box".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        Ok(cropped(sample.shape(), self.region, self.mode, self.value))
    }
}

/// MONAI's `ResizeWithPadOrCrop`: longer axes are cut to their middle, shorter ones padded on both sides, an odd voxel at
/// the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropOrPad {
    /// Voxels along each axis.
    pub size: Dhw<usize>,
    /// Values of the added voxels.
    #[serde(default)]
    pub mode: PadMode,
    /// The image's value in the padding with [`PadMode::Constant`]; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl Transform for CropOrPad {
    fn name(&self) -> String {
        "crop_or_pad".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let shape = sample.shape();
        Ok(cropped(shape, crop_or_pad(shape, self.size), self.mode, self.value))
    }
}

/// The box of `size` around the middle of `shape`.
pub(crate) fn crop_or_pad(shape: Dhw<usize>, size: Dhw<usize>) -> BoxDhw {
    let start = shape.zip(size).map(|(length, size)| {
        if size <= length {
            (length / 2) as isize - (size / 2) as isize
        } else {
            0isize.saturating_sub_unsigned((size - length) / 2)
        }
    });
    BoxDhw {
        start: start.zip(shape.zip(size)).map(|(s, (length, size))| if size <= length { s.max(0) } else { s }),
        size,
    }
}

/// The box of `size` around a voxel, moved up to start inside.
fn around(center: Dhw<usize>, size: Dhw<usize>) -> BoxDhw {
    let start = center.zip(size).map(|(center, size)| center.saturating_sub(size / 2) as isize);
    BoxDhw { start, size }
}

/// A crop, or nothing if it would change nothing.
pub(super) fn cropped(shape: Dhw<usize>, region: BoxDhw, mode: PadMode, outside: f32) -> Draw {
    if region == BoxDhw::whole(shape) { Draw::Skip } else { SpatialChange::Crop { region, outside, mode }.into() }
}
