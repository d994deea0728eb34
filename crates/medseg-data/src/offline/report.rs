//! Plan, progress and result of an offline step.

use std::fmt;

use medseg_volume::{Dhw, error_chain};

use crate::DataError;

/// The plan of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfflinePlan {
    /// Labelled cases.
    pub cases: usize,
    /// Number of them that are finished.
    pub finished: usize,
    /// Cases without a label, which are left out.
    pub unlabelled: usize,
}

impl fmt::Display for OfflinePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} labelled cases, {} of them made earlier", self.cases, self.finished)?;
        match self.unlabelled {
            0 => Ok(()),
            unlabelled => write!(f, "; {unlabelled} without a label are left out"),
        }
    }
}

/// One case that is done.
#[derive(Debug)]
pub struct OfflineCase {
    /// Cases done so far, with this one.
    pub done: usize,
    /// Cases in all.
    pub cases: usize,
    /// The case.
    pub id: String,
    /// Its outcome.
    pub outcome: OfflineOutcome,
}

/// The outcome of a case.
#[derive(Debug)]
pub enum OfflineOutcome {
    /// An earlier run has made it.
    Finished,
    /// It was made.
    Written {
        /// Voxels of the result.
        shape: Dhw<usize>,
        /// A warning about the case, with its name.
        warning: Option<String>,
    },
    /// It could not be made; the message names the case.
    Failed(DataError),
}

impl fmt::Display for OfflineCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            OfflineOutcome::Finished => write!(f, "case {}: made earlier", self.id),
            OfflineOutcome::Written { shape, warning: None } => write!(f, "case {}: {shape} voxels", self.id),
            OfflineOutcome::Written { shape, warning: Some(warning) } => write!(f, "{warning}; {shape} voxels"),
            OfflineOutcome::Failed(error) => f.write_str(&error_chain(error)),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OfflineReport {
    /// Cases that were made.
    pub written: usize,
    /// Cases that an earlier run had made.
    pub finished: usize,
    /// Warnings about cases that were made.
    pub warnings: Vec<String>,
    /// Names and messages of the cases that could not be made.
    pub failed: Vec<(String, String)>,
}

impl fmt::Display for OfflineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases made, {} made earlier, {} failed", self.written, self.finished, self.failed.len())
    }
}

impl OfflineReport {
    /// True if every labelled case is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
    }

    pub(super) fn add(&mut self, case: &OfflineCase) {
        match &case.outcome {
            OfflineOutcome::Finished => self.finished += 1,
            OfflineOutcome::Written { warning, .. } => {
                self.written += 1;
                self.warnings.extend(warning.clone());
            }
            OfflineOutcome::Failed(error) => self.failed.push((case.id.clone(), error_chain(error))),
        }
    }
}
