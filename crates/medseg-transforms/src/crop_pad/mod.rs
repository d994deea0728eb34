//! Boxes of voxels: cutting out, padding, and putting back.
//!
//! | To | use |
//! |---|---|
//! | cut out a box, and put it back | [`crop`], [`crop_into`], [`paste`], [`CropBox`] |
//! | find the foreground's box | [`foreground_box`], [`any_channel_above`], [`CropForeground`] |
//! | find a patient's body | [`CropBody`] |
//! | cut out a part whose place is known | [`CenterCrop`], [`SpatialCrop`], [`CropOrPad`] |
//! | pad | [`SpatialPad`], [`DivisiblePad`], [`crop_padded`], [`PadMode`] |

mod body;
mod boxes;
mod crop;
mod foreground;
mod pad;
mod pad_mode;

pub use body::CropBody;
pub(crate) use boxes::slice_of;
pub use boxes::{BoxDhw, crop, crop_into, paste};
pub(crate) use crop::crop_or_pad;
pub use crop::{CenterCrop, CropBox, CropOrPad, SpatialCrop};
pub use foreground::{CropForeground, ForegroundSource, any_channel_above, foreground_box};
pub use pad::{DivisiblePad, PadMethod, SpatialPad};
pub(crate) use pad_mode::framed;
pub use pad_mode::{PadMode, crop_padded};
