//! The work on a cohort: read ahead, process, write behind.

mod cohort;
mod gate;
mod memory;
mod options;
mod pipeline;
mod publish;
mod report;
mod staging;
mod work;

pub use cohort::Cohort;
pub use options::{Busy, Retry, RunOptions, Verify};
pub use report::RunReport;
pub use staging::Staging;
pub use work::{CaseError, CaseFiles, CaseSummary};
