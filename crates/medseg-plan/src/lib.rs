#![doc = include_str!("../README.md")]

mod budget;
mod decide;
mod decision;
mod error;
mod fingerprint;
mod options;
mod page;
mod plan;
mod settings;

pub use decision::Decision;
pub use error::PlanError;
pub use fingerprint::{CaseHeader, CaseVoxels, Fingerprint, LabelFacts};
pub use options::PlanOptions;
pub use plan::{PLAN_FILE, PLAN_PAGE, Plan};
