//! Label maps of 8 or 16 bits.

use medseg_volume::Axes;
use ndarray::Array3;

/// A label map [depth, height, width]: u8, or u16 from 255 labels on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Labels up to 254.
    U8(Array3<u8>),
    /// Labels from 255 on.
    U16(Array3<u16>),
}

impl Mask {
    /// A mask of zeros for labels up to `largest`.
    pub(crate) fn zeros(shape: [usize; 3], largest: usize) -> Self {
        if largest < 255 { Self::U8(Array3::zeros(shape)) } else { Self::U16(Array3::zeros(shape)) }
    }

    /// Shape: depth, height, width.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        let (depth, height, width) = match self {
            Self::U8(mask) => mask.dim(),
            Self::U16(mask) => mask.dim(),
        };
        [depth, height, width]
    }

    /// The mask with other axes.
    pub(crate) fn with_axes(self, axes: Axes) -> Self {
        match self {
            mask if axes.is_identity() => mask,
            Self::U8(mask) => Self::U8(axes.apply(&mask.view())),
            Self::U16(mask) => Self::U16(axes.apply(&mask.view())),
        }
    }

    /// The labels as u16.
    #[must_use]
    pub fn to_u16(&self) -> Array3<u16> {
        match self {
            Self::U8(mask) => mask.mapv(u16::from),
            Self::U16(mask) => mask.clone(),
        }
    }
}
