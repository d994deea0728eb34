//! From files to what a stage trains and validates on.

mod prepare;
mod source;
mod step;

pub(crate) use prepare::{Prepared, load_label, no_foreground};
pub(crate) use source::{CaseSource, Role};
pub(crate) use step::TrainingStep;
