//! NIfTI-1 files.

mod affine;
mod fields;
mod gzip;
mod header;
mod read;
mod voxel;
mod write;

pub use fields::NiftiFields;
pub use header::{Datatype, VolumeInfo};
pub use read::{ReadOptions, read_channels, read_image, read_image_with, read_info, read_label, read_label_with};
pub use write::{write_image, write_image_i16, write_label};
