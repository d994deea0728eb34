//! Padding to a size or to multiples.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::crop::cropped;
use crate::{BoxDhw, Draw, LazySample, PadMode, Transform, TransformError, crop_padded};

/// Side that padding goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadMethod {
    /// Both sides; an odd voxel goes at the end.
    #[default]
    Symmetric,
    /// All of it at the end.
    End,
}

/// MONAI's `SpatialPad`: axes shorter than `size` are padded to it, longer ones (and those of size 0) left alone.
///
/// ```
/// use medseg_transforms::SpatialPad;
/// use medseg_volume::Dhw;
///
/// let pad = SpatialPad::new(Dhw { d: 1, h: 1, w: 5 });
/// let image = ndarray::array![[[1.0, 2.0]]];
/// assert_eq!(pad.apply(&image.view(), -1.0), ndarray::array![[[-1.0, 1.0, 2.0, -1.0, -1.0]]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialPad {
    /// Least number of voxels along each axis.
    pub size: Dhw<usize>,
    /// Side that the padding goes to.
    #[serde(default)]
    pub method: PadMethod,
    /// Values of the added voxels.
    #[serde(default)]
    pub mode: PadMode,
    /// The image's value there with [`PadMode::Constant`], in a pipeline; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl SpatialPad {
    /// On both sides, with 0.
    #[must_use]
    pub fn new(size: Dhw<usize>) -> Self {
        Self { size, method: PadMethod::Symmetric, mode: PadMode::Constant, value: 0.0 }
    }

    /// With the padding put elsewhere.
    #[must_use]
    pub fn with_method(self, method: PadMethod) -> Self {
        Self { method, ..self }
    }

    /// With other values than a constant.
    #[must_use]
    pub fn with_mode(self, mode: PadMode) -> Self {
        Self { mode, ..self }
    }

    /// With another value of the image, in a pipeline.
    #[must_use]
    pub fn with_value(self, value: f32) -> Self {
        Self { value, ..self }
    }

    /// Voxels added before and after along each axis.
    #[must_use]
    pub fn padding(&self, shape: Dhw<usize>) -> Dhw<(usize, usize)> {
        self.size.zip(shape).map(|(size, length)| {
            let total = size.saturating_sub(length);
            let before = match self.method {
                PadMethod::Symmetric => total / 2,
                PadMethod::End => 0,
            };
            (before, total - before)
        })
    }

    /// The padded volume's box, in voxels of the volume.
    #[must_use]
    pub fn region(&self, shape: Dhw<usize>) -> BoxDhw {
        BoxDhw {
            start: self.padding(shape).map(|(before, _)| 0isize.saturating_sub_unsigned(before)),
            size: shape.zip(self.size).map(|(length, size)| length.max(size)),
        }
    }

    /// Pads any volume; `value` is that of [`PadMode::Constant`], and of a volume without voxels. Cropping the padded
    /// volume's inner box is the inverse.
    #[must_use]
    pub fn apply<T: Copy + Send + Sync>(&self, volume: &ArrayView3<'_, T>, value: T) -> Array3<T> {
        crop_padded(volume, &self.region(volume.dim().into()), self.mode, value)
    }
}

impl Transform for SpatialPad {
    fn name(&self) -> String {
        "spatial_pad".into()
    }

    fn draw(&self, sample: &mut LazySample, _: &mut dyn Rng) -> Result<Draw, TransformError> {
        let shape = sample.shape();
        Ok(cropped(shape, self.region(shape), self.mode, self.value))
    }
}

/// MONAI's `DivisiblePad`: every axis is padded to a multiple of `k`; 0 leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DivisiblePad {
    /// Divides the number of voxels along each axis afterwards.
    pub k: Dhw<usize>,
    /// Side that the padding goes to.
    #[serde(default)]
    pub method: PadMethod,
    /// Values of the added voxels.
    #[serde(default)]
    pub mode: PadMode,
    /// The image's value there with [`PadMode::Constant`]; the label's is 0.
    #[serde(default)]
    pub value: f32,
}

impl Transform for DivisiblePad {
    fn name(&self) -> String {
        "divisible_pad".into()
    }

    fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
        let multiple = |(length, k): (usize, usize)| length.checked_next_multiple_of(k.max(1)).unwrap_or(usize::MAX);
        let size = sample.shape().zip(self.k).map(multiple);
        let Self { method, mode, value, .. } = *self;
        SpatialPad { size, method, mode, value }.draw(sample, rng)
    }
}
