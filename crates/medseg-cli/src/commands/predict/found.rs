//! A segmented image, whatever the model.

use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use medseg_inference::Certainty;
use medseg_nnunet::Segmentation;
use medseg_nnunet::export::Mask;
use medseg_volume::{Geometry, Volume, VolumeError, WriteOptions, write_volume};
use ndarray::Array4;

use super::extras::Classes;

/// A mask of labels up to 255, or up to 65535.
pub enum MaskVolume {
    U8(Volume<u8>),
    U16(Volume<u16>),
}

/// Calls a generic function with the volume of a [`MaskVolume`].
#[macro_export]
macro_rules! with_mask {
    ($mask:expr, $volume:ident => $call:expr) => {
        match $mask {
            $crate::commands::predict::found::MaskVolume::U8($volume) => $call,
            $crate::commands::predict::found::MaskVolume::U16($volume) => $call,
        }
    };
}

/// Probabilities on the image's grid.
pub enum ClassScores {
    F16(Array4<f16>),
    F32(Array4<f32>),
}

/// Result of a prediction.
pub struct Found {
    pub mask: MaskVolume,
    /// Volume of every label of the mask, millilitres.
    pub volumes_ml: BTreeMap<u16, f64>,
    /// Probabilities, if wanted, and the classes that they are of.
    pub probabilities: Option<(ClassScores, Classes)>,
    /// Entropy in nats, if wanted.
    pub entropy: Option<Volume<f32>>,
    pub certainty: Option<Certainty>,
    /// Oddities that preprocessing or the networks met.
    pub warnings: Vec<String>,
    /// Further entries of the JSON result, the plan among them.
    pub details: serde_json::Map<String, serde_json::Value>,
    pub seconds: f64,
}

impl MaskVolume {
    pub fn geometry(&self) -> &Geometry {
        match self {
            Self::U8(mask) => &mask.geometry,
            Self::U16(mask) => &mask.geometry,
        }
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
