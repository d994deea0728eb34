//! One case's row.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CaseStatus {
    /// Worked on, outputs written.
    Done,
    /// Done before: input, model, options and outputs agree with the record. Only in a run's own rows.
    Skipped,
    /// Failed, with a reason.
    Failed,
    /// An input that makes no case.
    PassedOver,
    /// Another worker has it. Only in a run's own rows.
    Busy,
}

impl CaseStatus {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::PassedOver => "passed_over",
            Self::Busy => "busy",
        }
    }
}

/// The step at which a case failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The image could not be read.
    Read,
    /// The image changed while it was read.
    Changed,
    /// The work on it failed.
    Process,
    /// The outputs could not be written.
    Write,
    /// A step ended in a panic.
    Panic,
    /// The process died at this case as often as is allowed.
    Killed,
}

impl FailureKind {
    /// The word in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Changed => "changed",
            Self::Process => "process",
            Self::Write => "write",
            Self::Panic => "panic",
            Self::Killed => "killed",
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableRow {
    /// Id of the case.
    pub case: String,
    /// Its state.
    pub status: CaseStatus,
    /// The path of its image.
    pub input: String,
    /// Seconds of reading, the checksum included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_read: Option<f64>,
    /// Seconds of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_process: Option<f64>,
    /// Seconds of writing, until the outputs had their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_write: Option<f64>,
    /// The most memory that the whole process has had so far, in bytes, where the system says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// Volumes in millilitres, by label.
    #[serde(default)]
    pub volumes_ml: BTreeMap<String, f64>,
    /// Remarks.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// The reason of a failure, or of passing over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl TableRow {
    /// A row with nothing but these.
    #[must_use]
    pub fn new(case: impl Into<String>, status: CaseStatus, input: impl Into<String>) -> Self {
        Self {
            case: case.into(),
            status,
            input: input.into(),
            seconds_read: None,
            seconds_process: None,
            seconds_write: None,
            peak_memory_bytes: None,
            volumes_ml: BTreeMap::new(),
            warnings: Vec::new(),
            failure: None,
            error: None,
        }
    }
}
