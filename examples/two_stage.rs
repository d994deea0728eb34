//! The two-stage experiment, as `medseg train two-stage`: a coarse network finds the organ, a fine one segments inside its box.
//!
//! `cargo run --example two_stage -- --help` lists the options.

fn main() -> std::process::ExitCode {
    medseg_cli::run_experiment(medseg::train::Experiment::TwoStage)
}
