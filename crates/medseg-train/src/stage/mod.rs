//! One stage: training, validation, checkpoints, history.

mod checkpoint;
mod devices;
mod epoch;
mod exchange;
mod flat;
mod gradients;
mod losses;
mod objective;
mod threads;
mod timing;
mod training;
mod validation;

pub(crate) use checkpoint::{Checkpoints, StageState};
pub(crate) use threads::Threads;
pub use timing::StageTiming;
pub(crate) use training::StageRun;
