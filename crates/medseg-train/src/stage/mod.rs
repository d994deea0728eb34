//! One stage: training, validation, checkpoints, history.

mod checkpoint;
mod devices;
mod epoch;
mod gradients;
mod objective;
mod training;
mod validation;

pub(crate) use checkpoint::{Checkpoints, StageState};
pub(crate) use training::StageRun;
