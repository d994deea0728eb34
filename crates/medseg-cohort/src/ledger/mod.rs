//! Records of what was done, one file a case.

mod agreement;
mod folder;
mod input_digest;
mod record;

pub use folder::CohortFolder;
pub(crate) use folder::{HIDDEN, entries};
pub use input_digest::InputDigest;
pub use record::{OutputDigest, Record, RunIdentity};

pub(crate) use agreement::{Verdict, verdict};
pub(crate) use input_digest::{digest_inputs, stamp, stamp_of};
pub(crate) use record::SCHEMA;
