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
//! # Themes
//! | Module | holds |
//! |---|---|
//! | [`model`] | samples, transforms, pipelines, traces and their inverses |
//! | [`Preprocessing`] | from a file's voxels to a network's: orientation, spacing, intensities |
//! | [`spatial`] | reorienting, resampling, resizing, rotating, deforming |
//! | [`crop_pad`] | boxes: cutting out, padding, putting back |
//! | [`intensity`] | windows, z-scores, percentiles, histograms, noise, blur |
//! | [`labels`] | probabilities, classes, one-hot, label maps, connected components |
//! | [`random`] | random transforms for augmentation, and crops for training |
//!
//! Every name also stands at the crate's root.
//!
//! # Conventions
//! Arrays are `[depth, height, width]` in C order; triples along them are [`Dhw`](medseg_volume::Dhw). Random transforms
//! draw first and apply afterwards, so a draw can be kept and replayed. Results do not depend on the number of threads.

pub mod crop_pad;
mod error;
pub mod intensity;
pub mod labels;
pub mod model;
mod preprocessing;
pub mod random;
pub mod spatial;

/// The crates whose types are in [`Transform`]'s methods.
pub use {ndarray, rand, serde_json};

#[doc(no_inline)]
pub use crop_pad::*;
pub use error::TransformError;
#[doc(no_inline)]
pub use intensity::*;
#[doc(no_inline)]
pub use labels::*;
#[doc(no_inline)]
pub use model::*;
pub use preprocessing::Preprocessing;
#[doc(no_inline)]
pub use random::*;
#[doc(no_inline)]
pub use spatial::*;
