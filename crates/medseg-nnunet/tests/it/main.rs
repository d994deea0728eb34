//! The chain, step by step and as a whole, against values of nnU-Net.

mod architectures;
mod bundles;
mod chain;
mod checkpoints;
mod damaged_files;
mod export_golden;
mod flat_plans;
mod folders;
mod halves;
mod image_readers;
mod oracle;
mod plans;
mod postprocessing;
mod preprocess_bad_input;
mod preprocess_golden;
mod preprocess_properties;
mod regions;
mod window_golden;
mod window_properties;
mod written;

use std::path::PathBuf;

/// Path of a fixture.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}
