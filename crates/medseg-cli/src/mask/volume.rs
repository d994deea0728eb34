//! A mask in memory.

use std::path::Path;

use medseg_nnunet::Segmentation;
use medseg_nnunet::export::Mask;
use medseg_volume::{Geometry, Volume, VolumeError, WriteOptions, write_volume};

/// A mask of labels up to 255, or up to 65535.
pub enum MaskVolume {
    U8(Volume<u8>),
    U16(Volume<u16>),
}

/// Calls a generic function with the volume of a [`MaskVolume`].
macro_rules! with_mask {
    ($mask:expr, $volume:ident => $call:expr) => {
        match $mask {
            $crate::mask::MaskVolume::U8($volume) => $call,
            $crate::mask::MaskVolume::U16($volume) => $call,
        }
    };
}
pub(crate) use with_mask;

impl MaskVolume {
    pub fn geometry(&self) -> &Geometry {
        match self {
            Self::U8(mask) => &mask.geometry,
            Self::U16(mask) => &mask.geometry,
        }
    }

    /// True if no voxel has a label.
    pub fn is_empty(&self) -> bool {
        with_mask!(self, mask => mask.data.iter().all(|label| *label == 0))
    }

    /// The mask with labels above 255 as 255, for pictures.
    pub fn as_u8(&self) -> Volume<u8> {
        match self {
            Self::U8(mask) => mask.clone(),
            Self::U16(mask) => mask.map_data(|label| u8::try_from(*label).unwrap_or(u8::MAX)),
        }
    }

    /// Writes the mask in the format of the name's ending.
    ///
    /// # Errors
    /// An unknown ending, or what the system says.
    pub fn write(&self, path: &Path) -> Result<(), VolumeError> {
        let options = WriteOptions::default().with_labels(true);
        match self {
            Self::U8(mask) => write_volume(path, mask, &options),
            Self::U16(mask) => write_volume(path, mask, &options),
        }
    }
}

impl From<Segmentation> for MaskVolume {
    fn from(segmentation: Segmentation) -> Self {
        match segmentation.mask {
            Mask::U8(mask) => Self::U8(Volume::new(mask, segmentation.geometry)),
            Mask::U16(mask) => Self::U16(Volume::new(mask, segmentation.geometry)),
        }
    }
}

impl From<Volume<u16>> for MaskVolume {
    /// A mask without a label above 255 takes one byte a voxel.
    fn from(mask: Volume<u16>) -> Self {
        if mask.data.iter().any(|label| *label > u16::from(u8::MAX)) {
            Self::U16(mask)
        } else {
            Self::U8(mask.map_data(|label| *label as u8))
        }
    }
}
