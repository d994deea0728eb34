//! The built-in transforms as steps of a pipeline.

mod affine;
mod chance;
mod crop;
mod crop_to_foreground;
mod flip;
mod intensity;
mod labels;
mod orientation;
mod pad;
mod rand_affine;
mod rand_crop;
mod rand_elastic;
mod rand_intensity;
mod resize;
mod rotate90;
mod spacing;
mod step;
mod zoom;

pub use affine::{Affine, Rotate};
pub use chance::Range;
pub use crop::{CenterCrop, CropBox, CropOrPad, SpatialCrop};
pub use crop_to_foreground::{CropToForeground, ForegroundSource};
pub use flip::{Flip, RandFlip};
pub use intensity::{ChangeIntensity, Channels};
pub use orientation::Reorient;
pub use pad::{DivisiblePad, PadToSize};
pub use rand_affine::{RandAffine, RandRotate, RandZoom};
pub use rand_crop::RandSpatialCrop;
pub use rand_elastic::RandElastic;
pub use rand_intensity::{FactorRange, RandIntensity, RandIntensityChange};
pub use resize::Resize;
pub use rotate90::{RandRotate90, Rotate90};
pub use spacing::Spacing;
pub use step::Step;
pub use zoom::Zoom;

/// For settings that are on where nothing is said.
pub(crate) fn yes() -> bool {
    true
}
