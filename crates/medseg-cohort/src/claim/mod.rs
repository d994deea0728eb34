//! At most one worker a case.

mod claims;
mod clock;
mod process;
mod worker;

pub(crate) use claims::{Claim, Claiming, dead_claims};
pub(crate) use worker::Worker;

use clock::{age, beat};
