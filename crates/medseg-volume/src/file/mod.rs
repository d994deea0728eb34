//! Files of volumes, whatever their format: where their bytes are, how these become voxels, and the doors to both.

mod chunks;
mod compress;
mod datatype;
mod format;
mod gzip;
mod header;
mod output;
#[cfg(unix)]
mod positioned;
mod read;
mod source;
mod stored;
mod text_header;
mod volume_file;
mod voxel;
mod warning;
mod write;

pub use datatype::Datatype;
pub use header::VolumeInfo;
pub use read::{read_channels, read_image, read_image_with, read_info, read_label, read_label_with, read_stored};
pub use stored::StoredVoxels;
pub use volume_file::{ReadOptions, VolumeFile};
pub use voxel::Stored;
pub use warning::Warning;
pub use write::{WriteOptions, write_channels, write_image, write_image_i16, write_label, write_volume};

pub(crate) use format::{beside, has_extension};
pub(crate) use header::Header;
#[cfg(feature = "dicom")]
pub(crate) use source::{Content, Input};
pub(crate) use source::{Packing, Source};
pub(crate) use text_header::{Fields, Lines};
pub(crate) use write::Grid;
