//! The program as a user runs it.

mod cohort;
mod files;
#[cfg(feature = "dicom")]
mod masks;
mod mistakes;
mod network;
mod other_programs;
mod plan;
mod predict;
mod safety;
mod support;
mod train;
