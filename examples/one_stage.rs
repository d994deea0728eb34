//! The one-stage experiment: one network on full-resolution crops, applied by sliding window.
//!
//! `cargo run --example one_stage -- --help` lists the options.

mod cli;

use std::process::ExitCode;

use medseg::train::Experiment;

fn main() -> ExitCode {
    cli::run(Experiment::OneStage)
}
