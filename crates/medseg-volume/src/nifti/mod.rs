//! NIfTI-1 and NIfTI-2.

mod affine;
mod extension;
mod fields;
mod header;
mod layout;
mod open;
mod write;

pub use extension::Extension;
pub use fields::{NiftiFields, NiftiVersion};

#[cfg(feature = "nifti")]
pub(crate) use header::of_raw;
#[cfg(feature = "nifti")]
pub(crate) use layout::RawHeader;
pub(crate) use open::{from_source, open};
pub(crate) use write::head;
