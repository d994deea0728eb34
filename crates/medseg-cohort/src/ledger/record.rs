//! The record of one case.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::InputDigest;
use crate::TableRow;

/// Version of the records' layout.
pub(crate) const SCHEMA: u32 = 1;

/// The outcome of a case: written last, so that a record means that its outputs are there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Version of this layout.
    pub schema: u32,
    /// The case's row of the table.
    pub row: TableRow,
    /// The input, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputDigest>,
    /// The model and options.
    pub identity: RunIdentity,
    /// The files that were written.
    #[serde(default)]
    pub outputs: Vec<OutputDigest>,
    /// Host, process and job of the worker.
    #[serde(default)]
    pub worker: String,
    /// Seconds since 1970 when it was written, by the worker's clock.
    #[serde(default)]
    pub finished_unix: u64,
}

/// The things besides the input that decide about a result.
///
/// ```
/// use medseg_cohort::RunIdentity;
/// let identity = RunIdentity::new("sha256 of the model's files").with_option("mirror", "false").with_program("medseg 0.1.0");
/// assert_eq!(identity.options["mirror"], "false");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunIdentity {
    /// Digest of the model.
    pub model: String,
    /// Options that change a result, by name.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Name and version of the program. Another version alone does not make a case new; an entry of `options` would.
    #[serde(default)]
    pub program: String,
}

impl RunIdentity {
    /// Begins with the digest of the model.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds an option that changes a result.
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.options.insert(name.into(), value.to_string());
        self
    }

    /// Sets name and version of the program.
    #[must_use]
    pub fn with_program(mut self, program: impl Into<String>) -> Self {
        self.program = program.into();
        self
    }

    /// True if the model and all options are the same.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.model == other.model && self.options == other.options
    }
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputDigest {
    /// The path, relative to the output folder, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// Length and times of the file, as one number.
    pub stamp: String,
}
