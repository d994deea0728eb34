//! Wishes of a user and limits of the computer.

use std::path::PathBuf;

use medseg_data::{Grouping, SplitRule};

/// Wishes and limits of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// Folder of the cases.
    pub folder: PathBuf,
    /// Label values that count as foreground, each a class; all above 0 if empty.
    pub labels: Vec<u8>,
    /// Which cases train and which validate.
    pub split: SplitRule,
    /// Cases that belong together.
    pub groups: Option<Grouping>,
    /// Seconds of the whole training with the prediction of its validation cases, planning included.
    pub seconds: f64,
    /// Bytes that training may take.
    pub memory: u64,
    /// Processes that share the cases of a step.
    pub processes: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl PlanOptions {
    /// Half an hour, 8 GiB and one process for the cases of a folder, split as [`SplitRule::Automatic`] has it.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            labels: Vec::new(),
            split: SplitRule::default(),
            groups: None,
            seconds: 1800.0,
            memory: 8 << 30,
            processes: 1,
            seed: 0,
        }
    }
}
