//! One stage: training, validation, checkpoints, history.

mod checkpoint;
mod history;
mod training;
mod validation;

pub(crate) use checkpoint::{LastCheckpoint, StageState};
pub use history::{EpochRecord, history_csv};
pub(crate) use training::{StageRun, mix};
