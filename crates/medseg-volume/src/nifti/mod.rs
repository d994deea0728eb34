//! NIfTI files.

mod affine;
mod chunks;
mod compress;
mod datatype;
mod extension;
mod fields;
mod file;
mod gzip;
mod header;
mod layout;
#[cfg(unix)]
mod positioned;
mod read;
mod source;
mod stored;
mod voxel;
mod warning;
mod write;

#[cfg(feature = "nifti")]
pub(crate) use header::Header;
#[cfg(feature = "nifti")]
pub(crate) use layout::RawHeader;
#[cfg(feature = "nifti")]
pub(crate) use write::single_file_head;

pub use datatype::Datatype;
pub use extension::Extension;
pub use fields::{NiftiFields, NiftiVersion};
pub use file::{NiftiFile, ReadOptions};
pub use header::VolumeInfo;
pub use read::{read_channels, read_image, read_image_with, read_info, read_label, read_label_with, read_stored};
pub use stored::StoredVoxels;
pub use voxel::Stored;
pub use warning::Warning;
pub use write::{WriteOptions, write_channels, write_image, write_image_i16, write_label, write_volume};
