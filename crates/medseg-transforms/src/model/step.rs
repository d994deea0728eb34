//! The built-in transforms as one type.

use serde::{Deserialize, Serialize};

use crate::{
    Affine, CenterCrop, ChangeIntensity, CropBody, CropBox, CropForeground, CropOrPad, DivisiblePad, FillHoles, Flip,
    KeepLargestComponents, LabelMap, RandAffine, RandCropByPosNegLabel, RandElastic, RandFlip, RandIntensity,
    RandRotate, RandRotate90, RandSpatialCrop, RandZoom, RemoveSmallObjects, Reorient, Resize, Respace, Rotate,
    Rotate90, SpatialCrop, SpatialPad, Transform, Zoom,
};

/// Defines the enum and what belongs to each variant. Each transform's own name is the one it is written with.
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

        crate::transform_by!(Step, inner);
    };
}

steps! {
    /// Pads to a size.
    "spatial_pad" SpatialPad(SpatialPad),
    /// Pads to multiples.
    "divisible_pad" DivisiblePad(DivisiblePad),
    /// Cuts out the middle.
    "center_crop" CenterCrop(CenterCrop),
    /// Cuts out a part around a voxel.
    "spatial_crop" SpatialCrop(SpatialCrop),
    /// Cuts out a box.
    "crop_box" CropBox(CropBox),
    /// Cuts out the foreground.
    "crop_foreground" CropForeground(CropForeground),
    /// Cuts out the body.
    "crop_body" CropBody(CropBody),
    /// Pads and cuts to a size.
    "crop_or_pad" CropOrPad(CropOrPad),
    /// Changes the number of voxels.
    "resize" Resize(Resize),
    /// Changes the voxels' size.
    "spacing" Respace(Respace),
    /// Makes the axes point another way.
    "orientation" Reorient(Reorient),
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
    /// Changes intensities.
    "intensity" Intensity(ChangeIntensity),
    /// Gives label values new ones.
    "map_labels" MapLabels(LabelMap),
    /// Keeps the label's largest components.
    "keep_largest_components" KeepLargestComponents(KeepLargestComponents),
    /// Removes the label's small components.
    "remove_small_objects" RemoveSmallObjects(RemoveSmallObjects),
    /// Fills the label's holes.
    "fill_holes" FillHoles(FillHoles),
    /// Changes intensities at random.
    "rand_intensity" RandIntensity(RandIntensity),
}
