//! A whole experiment: cases, split, stages, prediction, report.

mod dataset;
mod export;
mod fit;
mod folder;
mod plan;
mod predict;
mod request;
mod results;
mod run;
mod trained;

pub use export::open_bundle;
pub use request::RunRequest;
pub use run::run_experiment;
pub use trained::{CoarsePrediction, Prediction, TrainedRun};
