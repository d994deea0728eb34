//! The outcome of a run.

use crate::{CaseStatus, Table, TableRow};

/// The outcome of a run: a row for every case and every input that was passed over.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct RunReport {
    /// The rows of this run, sorted by case.
    pub table: Table,
    /// True if a stop was asked for before all cases were looked at.
    pub stopped: bool,
}

impl RunReport {
    pub(super) fn new(rows: Vec<TableRow>, stopped: bool) -> Self {
        Self { table: Table::new(rows), stopped }
    }

    /// The number of cases of this state.
    #[must_use]
    pub fn count(&self, status: CaseStatus) -> usize {
        self.table.count(status)
    }

    /// True if every case is done: now, or before.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.stopped && self.count(CaseStatus::Failed) == 0 && self.count(CaseStatus::Busy) == 0
    }
}
