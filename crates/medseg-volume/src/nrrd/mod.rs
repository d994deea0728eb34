//! NRRD: `.nrrd`, or a `.nhdr` beside its data.

mod axes;
mod read;
mod space;
mod write;

pub(crate) use read::{from_source, key_values};
pub(crate) use write::head;
