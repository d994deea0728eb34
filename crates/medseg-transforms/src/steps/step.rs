//! The built-in transforms as one type.

use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Affine, CenterCrop, CropBox, CropOrPad, CropToForeground, DivisiblePad, Flip, PadToSize, RandAffine, RandElastic,
    RandFlip, RandRotate, RandRotate90, RandSpatialCrop, RandZoom, Reorient, Resize, Rotate, Rotate90, Spacing,
    SpatialCrop, Zoom,
};
use crate::{Draw, LazySample, RandCropByPosNegLabel, Sample, Transform, TransformError};

/// Defines the enum, and hands every method on to the variant's transform.
macro_rules! steps {
    ($($(#[$doc:meta])* $name:literal $variant:ident($transform:ty),)*) => {
        /// A built-in transform: written as its fields beside `"transform": "its_name"`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "transform")]
        #[non_exhaustive]
        pub enum Step {
            $($(#[$doc])* #[serde(rename = $name)] $variant($transform),)*
        }

        $(impl From<$transform> for Step {
            fn from(transform: $transform) -> Self {
                Self::$variant(transform)
            }
        })*

        impl Step {
            fn inner(&self) -> &dyn Transform {
                match self {
                    $(Self::$variant(transform) => transform,)*
                }
            }
        }

        impl Transform for Step {
            fn name(&self) -> String {
                match self {
                    $(Self::$variant(_) => $name.into(),)*
                }
            }

            fn validate(&self) -> Result<(), TransformError> {
                self.inner().validate()
            }

            fn is_random(&self) -> bool {
                self.inner().is_random()
            }

            fn draw(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Draw, TransformError> {
                self.inner().draw(sample, rng)
            }

            fn draw_all(&self, sample: &mut LazySample, rng: &mut dyn Rng) -> Result<Vec<Draw>, TransformError> {
                self.inner().draw_all(sample, rng)
            }

            fn apply(&self, sample: &mut Sample, parameters: &Value) -> Result<(), TransformError> {
                self.inner().apply(sample, parameters)
            }
        }
    };
}

steps! {
    /// Pads to a size.
    "spatial_pad" SpatialPad(PadToSize),
    /// Pads to multiples.
    "divisible_pad" DivisiblePad(DivisiblePad),
    /// Cuts out the middle.
    "center_crop" CenterCrop(CenterCrop),
    /// Cuts out a part around a voxel.
    "spatial_crop" SpatialCrop(SpatialCrop),
    /// Cuts out a box.
    "crop_box" CropBox(CropBox),
    /// Cuts out the foreground.
    "crop_foreground" CropForeground(CropToForeground),
    /// Pads and cuts to a size.
    "crop_or_pad" CropOrPad(CropOrPad),
    /// Changes the number of voxels.
    "resize" Resize(Resize),
    /// Changes the voxels' size.
    "spacing" Spacing(Spacing),
    /// Turns the axes to point another way.
    "orientation" Orientation(Reorient),
    /// Reverses axes.
    "flip" Flip(Flip),
    /// Turns by 90 degrees.
    "rotate90" Rotate90(Rotate90),
    /// Turns by any angle.
    "rotate" Rotate(Rotate),
    /// Enlarges or shrinks what is shown.
    "zoom" Zoom(Zoom),
    /// Turns, shears, moves and scales.
    "affine" Affine(Affine),
    /// Random crops.
    "rand_spatial_crop" RandSpatialCrop(RandSpatialCrop),
    /// Random crops centred on foreground or background.
    "rand_crop_by_pos_neg_label" RandCropByPosNegLabel(RandCropByPosNegLabel),
    /// Reverses axes at random.
    "rand_flip" RandFlip(RandFlip),
    /// Turns by 90 degrees at random.
    "rand_rotate90" RandRotate90(RandRotate90),
    /// Turns by random angles.
    "rand_rotate" RandRotate(RandRotate),
    /// Enlarges or shrinks at random.
    "rand_zoom" RandZoom(RandZoom),
    /// Turns, shears, moves and scales at random.
    "rand_affine" RandAffine(RandAffine),
    /// Bends.
    "rand_elastic" RandElastic(RandElastic),
}
