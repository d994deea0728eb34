//! From files to what a stage trains and validates on.

mod images;
mod jitter;
mod kept;
mod prepare;
mod source;
mod step;

pub(crate) use images::{Images, check_finite};
pub(crate) use prepare::{Prepared, load_label, load_reference, no_foreground};
pub(crate) use source::{CaseSource, Role, Settings};
pub(crate) use step::TrainingStep;
