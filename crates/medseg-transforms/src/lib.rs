//! Preprocessing of 3D medical arrays and its inverses, computed as MONAI computes it.
//!
//! A [`Pipeline`] of [`Step`]s takes a [`Sample`] (image, label and geometry) through everything and back; [`Transform`]
//! says how to add a step of one's own. The same work is there as plain functions of arrays:
//!
//! ```
//! use medseg_transforms::{BoxDhw, Intensity, crop, foreground_box, paste};
//! use medseg_volume::Dhw;
//! use ndarray::Array3;
//!
//! let mut image = Array3::from_shape_fn((6, 8, 10), |(z, ..)| 100.0 * z as f32 - 300.0);
//! Intensity::Window { low: -300.0, high: 300.0 }.apply(&mut image);
//! assert_eq!(image[[3, 0, 0]], 0.5);
//!
//! // The bright part with one voxel around it, cut at the border, and back into an empty volume.
//! let roi: BoxDhw = foreground_box(&image.view(), |v| *v > 0.4, Dhw::splat(1)).unwrap().clipped(Dhw::from(image.dim()));
//! assert_eq!(roi.start.d, 2);
//! let part = crop(&image.view(), &roi, 0.0);
//! let mut whole = Array3::zeros(image.dim());
//! paste(&mut whole, &part.view(), &roi);
//! assert_eq!(whole[[5, 7, 9]], image[[5, 7, 9]]);
//! ```
//!
//! Arrays are `[depth, height, width]` in C order; triples along them are [`Dhw`](medseg_volume::Dhw). Random transforms
//! draw first and apply afterwards, so a draw can be kept and replayed. Results do not depend on the number of threads.

mod boxes;
mod components;
mod crop_foreground;
mod error;
mod flip;
mod intensity;
mod labels;
mod model;
mod pad;
mod preprocessing;
mod random_crop;
mod recipe;
mod resize;
mod spatial;
mod steps;

/// The crates whose types are in [`Transform`]'s methods.
pub use {rand, serde_json};

pub use boxes::{BoxDhw, crop, crop_into, paste};
pub use components::{
    ComponentOverlap, Components, Connectivity, FillHoles, KeepLargestComponents, RemoveSmallObjects,
    component_overlaps, fill_holes, keep_largest, label_components, remove_components, remove_small_objects,
};
pub use crop_foreground::{CropForeground, foreground_box};
pub use error::TransformError;
pub use flip::{flip, rotate90};
pub use intensity::{
    AdjustBrightness, AdjustContrast, AdjustGamma, BlurBorder, ClipIntensityPercentiles, CtWindow, GaussianNoise,
    GaussianSmooth, HistogramNormalize, Intensity, IntensityChange, NormalizeIntensity, ScaleIntensity,
    ScaleIntensityRange, ScaleIntensityRangePercentiles, SimulateLowResolution, percentiles,
};
pub use labels::{Activation, AsDiscrete, LabelInterpolation, LabelMap, OtherLabels, argmax, one_hot, threshold};
pub use model::{Applied, Draw, LazySample, Pipeline, Sample, Trace, Transform, Transformed};
pub use pad::{PadMethod, SpatialPad};
pub use preprocessing::Preprocessing;
pub use random_crop::{CropDraw, LabelIndex, RandCropByPosNegLabel, corrected_center};
pub use recipe::nnunet_augmentation;
pub use resize::{Interpolation, resize, resize_nearest, resize_nearest_exact};
pub use spatial::{Axes, Elastic, Kernel, Padding, Resample, SpatialChange, VoxelMap, deform, smoothed_offsets};
pub use steps::{
    Affine, CenterCrop, ChangeIntensity, Channels, CropBox, CropOrPad, CropToForeground, DivisiblePad, FactorRange,
    Flip, ForegroundSource, PadToSize, RandAffine, RandElastic, RandFlip, RandIntensity, RandIntensityChange,
    RandRotate, RandRotate90, RandSpatialCrop, RandZoom, Range, Reorient, Resize, Rotate, Rotate90, Spacing,
    SpatialCrop, Step, Zoom,
};
