//! The one-stage experiment, as `medseg train one-stage`: one network on full-resolution crops, applied by sliding window.
//!
//! `cargo run --example one_stage -- --help` lists the options.

fn main() -> std::process::ExitCode {
    medseg_cli::run_experiment(medseg::train::Experiment::OneStage)
}
