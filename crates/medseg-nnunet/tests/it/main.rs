//! The chain, step by step, against values of nnU-Net.

mod architectures;
mod checkpoints;
mod damaged_files;
mod folders;
mod hostile_pickles;
mod plans;
mod written;

use std::path::PathBuf;

/// Path of a fixture.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
