//! A whole experiment: cases, split, stages, prediction, report.

mod boxes;
mod dataset;
mod export;
mod fit;
mod folder;
mod measure;
mod plan;
mod predict;
mod request;
mod results;
mod run;
#[cfg(test)]
mod same_voxels;
mod trained;

pub use request::{Fit, Part, RunRequest};
pub use run::{RunOutcome, run_experiment};
pub use trained::{TrainedRun, open_bundle};
