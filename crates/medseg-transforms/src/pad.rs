//! Padding to a size.

use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3};
use serde::{Deserialize, Serialize};

use crate::{BoxDhw, crop};

/// Where padding goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PadMethod {
    /// Both sides; an odd voxel goes at the end.
    #[default]
    Symmetric,
    /// All of it at the end.
    End,
}

/// MONAI's `SpatialPad`: axes shorter than `size` are padded to it, longer ones are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialPad {
    /// Least number of voxels along each axis.
    pub size: Dhw<usize>,
    /// Where the padding goes.
    pub method: PadMethod,
}

impl SpatialPad {
    /// Voxels added before and after along each axis.
    #[must_use]
    pub fn padding(&self, shape: Dhw<usize>) -> Dhw<(usize, usize)> {
        self.size.zip(shape).map(|(size, side)| {
            let total = size.saturating_sub(side);
            let before = match self.method {
                PadMethod::Symmetric => total / 2,
                PadMethod::End => 0,
            };
            (before, total - before)
        })
    }

    /// Pads with `value`; cropping the padded volume's inner box is the inverse.
    #[must_use]
    pub fn apply<T: Copy>(&self, volume: &ArrayView3<'_, T>, value: T) -> Array3<T> {
        let shape = Dhw::from(volume.dim());
        let padding = self.padding(shape);
        let region = BoxDhw {
            start: padding.map(|(before, _)| -(before as isize)),
            size: shape.zip(padding).map(|(side, (before, after))| side + before + after),
        };
        crop(volume, &region, value)
    }
}
