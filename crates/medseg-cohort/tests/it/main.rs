//! Tests of the crate from outside.

mod channels;
mod claims;
mod content;
#[cfg(feature = "dicom")]
mod dicom;
mod failures;
mod find;
mod kill;
mod list;
mod memory;
mod support;
mod table;
