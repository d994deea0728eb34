//! The table of a cohort.

mod csv_cell;
mod merge;
mod row;

pub use merge::{Table, merge};
pub use row::{CaseStatus, FailureKind, TableRow};
