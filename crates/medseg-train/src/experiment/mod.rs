//! A whole experiment: cases, split, stages, prediction, report.

mod boxes;
mod cleaning;
mod dataset;
mod export;
mod fit;
mod folder;
mod folds;
mod measure;
mod plan;
mod predict;
mod request;
mod results;
mod run;
#[cfg(test)]
mod same_voxels;
mod timing;
mod trained;

pub use folds::{Folds, run_folds};
pub use request::{Fit, Part, RunRequest};
pub use run::{RunOutcome, run_experiment};
pub use timing::time_stages;
pub use trained::{TrainedRun, open_bundle};
