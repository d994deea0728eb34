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

pub use export::open_bundle;
pub use request::{Part, RunRequest};
pub use run::{run_experiment, run_experiment_on};
pub use trained::TrainedRun;
