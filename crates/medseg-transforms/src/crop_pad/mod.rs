//! Boxes of voxels: cutting out, padding, and putting back.
//!
//! | To | use |
//! |---|---|
//! | cut out a box, and put it back | [`crop`], [`crop_into`], [`paste`], [`CropBox`] |
//! | find the foreground's box | [`foreground_box`], [`CropForeground`] |
//! | cut out a part whose place is known | [`CenterCrop`], [`SpatialCrop`], [`CropOrPad`] |
//! | pad | [`SpatialPad`], [`DivisiblePad`] |

mod boxes;
mod crop;
mod foreground;
mod pad;

pub(crate) use boxes::slice_of;
pub use boxes::{BoxDhw, crop, crop_into, paste};
pub(crate) use crop::crop_or_pad;
pub use crop::{CenterCrop, CropBox, CropOrPad, SpatialCrop};
pub use foreground::{CropForeground, ForegroundSource, foreground_box};
pub use pad::{DivisiblePad, PadMethod, SpatialPad};
