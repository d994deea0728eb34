//! Files of PyTorch, files written byte by byte, and damaged ones.

mod damaged;
mod fixtures;
mod hostile_pickles;
mod legacy;
mod parts;
mod state_dicts;
mod tensors;
mod written;
mod zip_archives;

use std::path::PathBuf;

/// Path of a fixture.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
