//! The work on one case, which a program implements.

use std::collections::BTreeMap;
use std::error::Error;

use crate::{Case, Staging};

/// An error of the work on a case; its chain of causes becomes the text in the table.
pub type CaseError = Box<dyn Error + Send + Sync>;

/// Reading and writing of cases. The work between them is a closure, as it often holds things that stay on one thread.
///
/// Reading and writing run on threads of their own, beside the work on another case.
pub trait CaseFiles: Sync {
    /// An image in memory.
    type Input: Send;
    /// A result in memory.
    type Output: Send;

    /// The endings of the files that [`write`](Self::write) may make, such as `.nii.gz` and `_entropy.nii.gz`.
    fn endings(&self) -> Vec<String>;

    /// An estimate of the bytes of an input in memory, from its header or the length of its files.
    fn bytes(&self, case: &Case) -> u64 {
        let length = |path| std::fs::metadata(path).map_or(0, |found| found.len());
        case.files().iter().map(length).sum()
    }

    /// Reads a case.
    ///
    /// # Errors
    /// Those of the program; the case fails.
    fn read(&self, case: &Case) -> Result<Self::Input, CaseError>;

    /// Writes the outputs to files of `staging`, which get their names together once all of them are complete.
    ///
    /// # Errors
    /// Those of the program; the case fails.
    fn write(&self, case: &Case, output: Self::Output, staging: &Staging) -> Result<CaseSummary, CaseError>;
}

/// The result of a case as numbers and text, for the table.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct CaseSummary {
    /// Volumes in millilitres, by label.
    pub volumes_ml: BTreeMap<String, f64>,
    /// Remarks.
    pub warnings: Vec<String>,
}

impl CaseSummary {
    /// Adds a label's volume in millilitres. One that is no finite number is left out.
    #[must_use]
    pub fn with_volume_ml(mut self, label: impl Into<String>, ml: f64) -> Self {
        if ml.is_finite() {
            self.volumes_ml.insert(label.into(), ml);
        }
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn with_warning(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}
