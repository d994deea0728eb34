#![doc = include_str!("../README.md")]

mod axes;
mod c_order;
pub mod contours;
#[cfg(feature = "dicom")]
pub mod dicom;
mod door;
mod error;
mod error_chain;
mod file;
mod geometry;
#[cfg(feature = "nifti")]
mod interop;
mod matrix3;
mod metaimage;
mod nifti;
mod nrrd;
mod orientation;
mod reorient;
pub mod segments;
mod volume;

pub use ndarray;

pub use axes::Dhw;
pub use c_order::c_order;
pub use door::{
    ImageOptions, ImageWarning, LabelChoice, ProbabilityBits, ReadOptions, VOLUME_ENDINGS, VolumeFile, nifti_bytes,
    read_channels, read_image, read_image_with, read_image_with_warnings, read_info, read_label, read_label_of,
    read_label_values, read_label_with, read_stored, volume_stem, write_channels, write_image, write_image_i16,
    write_label, write_probabilities, write_volume,
};
pub use error::{GeometryFault, MalformedKind, UnstorableFault, UnsupportedKind, ValueFault, VolumeError};
pub use error_chain::error_chain;
pub use file::{Datatype, Stored, StoredVoxels, VolumeInfo, Warning, WriteOptions};
pub use geometry::{Affine, Geometry};
pub use nifti::{Extension, NiftiFields, NiftiVersion};
pub use orientation::Orientation;
pub use reorient::Axes;
pub use volume::Volume;
