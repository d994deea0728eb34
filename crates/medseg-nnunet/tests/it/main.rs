//! The chain, step by step and as a whole, against values of nnU-Net.

mod architectures;
mod bad_input;
mod chain;
mod checkpoints;
mod damaged_files;
mod export;
mod folders;
mod golden;
mod halves;
mod hostile_pickles;
mod images;
mod plans;
mod postprocessing;
mod properties;
mod window;
mod window_properties;
mod written;

use std::path::PathBuf;

/// Path of a fixture.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
