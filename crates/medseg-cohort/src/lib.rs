#![doc = include_str!("../README.md")]

mod case;
mod claim;
mod error;
mod find;
mod ledger;
mod part;
mod run;
mod table;

pub use case::{Case, CaseImage};
pub use error::{CohortError, ListFault};
pub use find::{Channels, FindOptions, Found, PassedOverCause, PassedOverInput, find};
pub use ledger::{CohortFolder, InputDigest, OutputDigest, Record, RunIdentity};
pub use part::Part;
pub use run::{Busy, CaseError, CaseFiles, CaseSummary, Cohort, Retry, RunOptions, RunReport, Staging, Verify};
pub use table::{CaseStatus, FailureKind, Table, TableRow, merge};
