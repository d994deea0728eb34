//! One stage: training, validation, checkpoints, history.

mod checkpoint;
mod devices;
mod epoch;
mod gradients;
mod history;
mod objective;
mod training;
mod validation;

pub(crate) use checkpoint::{Checkpoints, StageState};
pub use history::{EpochRecord, history_csv, history_jsonl};
pub(crate) use training::StageRun;
