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
//! NIfTI-1 in one file, gzipped or not (told by content), both byte orders, all real datatypes. NIfTI-2, `.hdr`/`.img`
//! pairs, complex and colour voxels give an error that says so. Headers come from strangers: sizes are checked against
//! the file's length and a limit before memory is taken, and nothing in them panics.

mod axes;
mod error;
mod geometry;
mod nifti;
mod orientation;
mod reorient;
mod volume;

pub use axes::Dhw;
pub use error::VolumeError;
pub use geometry::{Affine, Geometry};
pub use nifti::{
    Datatype, NiftiFields, ReadOptions, VolumeInfo, read_channels, read_image, read_image_with, read_info, read_label,
    read_label_with, write_image, write_image_i16, write_label,
};
pub use orientation::Orientation;
pub use reorient::AxisChange;
pub use volume::Volume;
