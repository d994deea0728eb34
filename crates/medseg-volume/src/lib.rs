//! Medical volumes with their geometry, and NIfTI files read and written so that every voxel and every millimetre is
//! right or an error says why not.
//!
//! ```
//! use medseg_volume::{Dhw, Geometry, Volume, read_image, read_label, write_image, write_label};
//! use ndarray::Array3;
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("ct.nii.gz");
//! let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
//! write_image(&path, &Volume::new(Array3::from_elem((3, 4, 5), -1000.0), geometry))?;
//!
//! let image = read_image(&path)?;
//! let mask = image.map_data(|hu| u8::from(*hu < -200.0));
//! write_label(folder.path().join("air.nii.gz"), &mask)?;
//! assert_eq!(read_label(folder.path().join("air.nii.gz"))?, mask);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Conventions
//! Arrays are `[depth, height, width]` in C order, which is NIfTI's (k, j, i), so a file's bytes need no transposition.
//! [`Geometry`] maps a voxel (i, j, k) to RAS+ millimetres: sform before qform before voxel sizes, as nibabel. A triple
//! along the array axes is a [`Dhw`].
//!
//! # What is read
//! NIfTI-1 and NIfTI-2, one file or a `.hdr`/`.img` pair, gzipped or not (told by content, several members and checksums
//! included), both byte orders, all real datatypes, further axes as channels. Complex, colour and 128-bit voxels give an
//! error that says so. Headers come from strangers: sizes are checked against the file's length and a limit before memory
//! is taken, and nothing in them panics. What is odd but has one sensible reading is told in [`VolumeInfo::warnings`].
//!
//! | to get | use |
//! |---|---|
//! | an image as f32, scaled | [`read_image`] |
//! | labels as u8, exact or an error | [`read_label`] |
//! | the header alone | [`read_info`] |
//! | channels or times | [`read_channels`] |
//! | the stored type, every value kept | [`read_stored`] |
//! | some slices, a memory limit, exact f32 | [`ReadOptions`] |
//! | a file that is in memory | [`NiftiFile::from_bytes`] |
//!
//! A folder of thousands is looked through by headers, and a thin slab read without the rest of its file:
//!
//! ```
//! use medseg_volume::{Dhw, Geometry, ReadOptions, Volume, read_image_with, read_info, write_image};
//! # use ndarray::Array3;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("ct.nii");
//! # let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
//! # write_image(&path, &Volume::new(Array3::from_elem((30, 4, 5), -1000.0), geometry))?;
//! let info = read_info(&path)?;
//! println!("{} voxels of {}, axes {}", info.shape, info.datatype, info.geometry.orientation());
//! let slab = read_image_with(&path, &ReadOptions { slices: Some(10..14), ..ReadOptions::default() })?;
//! assert_eq!(slab.shape(), Dhw { d: 4, h: 4, w: 5 });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is written
//! [`write_label`], [`write_image`], [`write_volume`] (any type, version, gzip level, extensions) and [`write_channels`]
//! write a temporary neighbour and rename it, so that a killed process leaves the old file or the new one. A mask on an
//! image's grid has the image's geometry bit for bit:
//!
//! ```
//! use medseg_volume::{Dhw, Geometry, Orientation, Volume, read_image, read_info, write_image, write_label};
//! # use ndarray::Array3;
//!
//! # let folder = tempfile::tempdir()?;
//! # let (ct, mask) = (folder.path().join("ct.nii.gz"), folder.path().join("mask.nii.gz"));
//! # let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: -0.8, w: -0.8 })?;
//! # write_image(&ct, &Volume::new(Array3::from_elem((3, 4, 5), -1000.0), geometry))?;
//! let image = read_image(&ct)?;
//! // Work in RAS, whatever way the file's axes point, and go back exactly.
//! let ras = image.reoriented(Orientation::RAS);
//! let found = ras.map_data(|hu| u8::from(*hu > 100.0));
//! let found = image.with_data(found.reoriented(image.geometry.orientation()).data);
//! write_label(&mask, &found)?;
//! assert_eq!(read_info(&mask)?.geometry.nifti_fields(), read_info(&ct)?.geometry.nifti_fields());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axes;
#[cfg(feature = "dicom")]
pub mod dicom;
mod error;
mod error_chain;
mod geometry;
mod nifti;
mod orientation;
mod reorient;
mod volume;

pub use axes::Dhw;
pub use error::VolumeError;
pub use error_chain::error_chain;
pub use geometry::{Affine, Geometry};
pub use nifti::{
    Datatype, Extension, NiftiFields, NiftiFile, NiftiVersion, ReadOptions, Stored, StoredVoxels, VolumeInfo, Warning,
    WriteOptions, read_channels, read_image, read_image_with, read_info, read_label, read_label_with, read_stored,
    write_channels, write_image, write_image_i16, write_label, write_volume,
};
pub use orientation::Orientation;
pub use reorient::AxisChange;
pub use volume::Volume;
