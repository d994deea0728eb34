//! Positions of schedules, as they are saved.

use serde::{Deserialize, Serialize};

/// Position of a schedule: all that must be saved to go on later with the same settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleState {
    /// Epochs since the start.
    pub epoch: f64,
    /// The present cycle, for schedules that restart.
    pub cycle: Option<Cycle>,
}

/// One cycle of a schedule that restarts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Epochs since its start.
    pub done: f64,
    /// Its length in epochs.
    pub length: u64,
}
