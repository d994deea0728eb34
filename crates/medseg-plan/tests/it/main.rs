//! The tests of the crate, one binary.

mod fingerprint;
mod plan;
