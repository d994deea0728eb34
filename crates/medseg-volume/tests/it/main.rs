//! All integration tests in one binary; `memory` measures its process and has its own.

mod affine;
mod bad_files;
mod contours;
#[cfg(feature = "dicom")]
mod dicom_damage;
#[cfg(feature = "dicom")]
mod dicom_found;
#[cfg(feature = "dicom")]
mod dicom_kinds;
#[cfg(feature = "dicom")]
mod dicom_segmentation;
#[cfg(feature = "dicom")]
mod dicom_series;
#[cfg(feature = "dicom")]
mod dicom_support;
mod formats;
mod geometry;
mod golden;
mod gzip;
#[cfg(feature = "nifti")]
mod interop;
mod kinds;
mod mutations;
mod reorient;
mod roundings;
mod seg_nrrd;
mod segment_table;
#[cfg(feature = "dicom")]
mod segmentation_damage;
#[cfg(feature = "dicom")]
mod structure_set;
#[cfg(feature = "dicom")]
mod structure_set_damage;
mod support;
mod table;
mod traps;
mod write;
