//! Random transforms: augmentation, and crops for training. Each draws its numbers first, so that they can be kept in a
//! [`Trace`](crate::Trace) and replayed.
//!
//! | To | use |
//! |---|---|
//! | crop around foreground and background | [`RandCropByPosNegLabel`] |
//! | crop anywhere | [`RandSpatialCrop`] |
//! | flip or turn by 90 degrees, exactly | [`RandFlip`], [`RandRotate90`] |
//! | rotate, scale, shear, move | [`RandRotate`], [`RandZoom`], [`RandAffine`] |
//! | deform | [`RandElastic`] |
//! | change intensities | [`RandIntensity`] |
//! | do what nnU-Net does | [`nnunet_augmentation`], [`nnunet_augmentation_for`] |

mod chance;
mod label_crop;
mod rand_affine;
mod rand_crop;
mod rand_elastic;
mod rand_flip;
mod rand_intensity;
mod rand_rotate90;
mod recipe;

pub use chance::Range;
pub use label_crop::{CropDraw, LabelIndex, RandCropByPosNegLabel, corrected_center};
pub use rand_affine::{RandAffine, RandRotate, RandZoom};
pub use rand_crop::RandSpatialCrop;
pub use rand_elastic::RandElastic;
pub use rand_flip::RandFlip;
pub use rand_intensity::{FactorRange, RandIntensity, RandIntensityChange};
pub use rand_rotate90::RandRotate90;
pub use recipe::{nnunet_augmentation, nnunet_augmentation_for};
