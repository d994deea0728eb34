//! The two-stage experiment: a coarse network finds the organ's box, a fine one segments inside it.
//!
//! `cargo run --example two_stage -- --help` lists the options.

mod cli;

use std::process::ExitCode;

use medseg::train::Experiment;

fn main() -> ExitCode {
    cli::run(Experiment::TwoStage)
}
