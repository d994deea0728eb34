//! The parts that all formats share: the source of bytes, their way to voxels and back, and checked headers.

mod chunks;
mod compress;
mod datatype;
mod grid;
mod gzip;
mod header;
mod label_table;
mod names;
mod output;
#[cfg(unix)]
mod positioned;
mod source;
mod stored;
mod text_header;
mod voxel;
mod warning;
mod write_options;

pub use datatype::Datatype;
pub use header::VolumeInfo;
pub use stored::StoredVoxels;
pub use voxel::Stored;
pub use warning::Warning;
pub use write_options::WriteOptions;

pub(crate) use chunks::{CHUNK, Parts, Stop, read_parts};
pub(crate) use compress::Framing;
pub(crate) use grid::Grid;
pub(crate) use header::Header;
pub(crate) use label_table::LabelTable;
pub(crate) use names::{beside, has_extension};
pub(crate) use output::{Output, pack, write_output};
#[cfg(feature = "dicom")]
pub(crate) use source::Content;
pub(crate) use source::{Input, Packing, Source};
pub(crate) use text_header::{Fields, Lines};
pub(crate) use voxel::{Decoder, Refused, Voxel};
