//! From files to what a stage trains and validates on: a case's files are read as a `Sample`, a stage makes a
//! `TrainingCase` of it, a training step draws a `Batch` from that.

mod batch;
mod boxes;
mod cache_key;
mod coarse_mask;
mod labels;
mod role;
mod samples;
mod source;
mod stored;
mod training_case;

pub(crate) use batch::{Batch, IN_MASK};
pub(crate) use coarse_mask::CoarseMask;
pub(crate) use labels::{load_label, load_reference, no_foreground};
pub(crate) use role::{Preparation, Role};
pub(crate) use samples::{Samples, check_channels, check_finite};
pub(crate) use source::CaseSource;
pub(crate) use training_case::TrainingCase;
