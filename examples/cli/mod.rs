//! What the examples share: the command line, the progress bar, the exit code.

mod device;
mod options;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use medseg::train::{Experiment, TrainError, run_experiment};

pub use device::choose_device;
pub use progress::Bar;

use options::Options;

/// Runs one experiment from the command line: 0 if every case was predicted and saved, 2 for a usage or configuration
/// error, 1 otherwise.
#[allow(dead_code, reason = "each example uses its own part of this module")]
pub fn run(experiment: Experiment) -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(e) => {
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
    };
    exit_code(start(experiment, &options))
}

/// Prints the error, if any, as one sentence and turns it into the contract's exit code.
pub fn exit_code(result: Result<(), TrainError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(if e.is_usage() { 2 } else { 1 })
        }
    }
}

fn start(experiment: Experiment, options: &Options) -> Result<(), TrainError> {
    let device = choose_device(&options.device)?;
    let request = options.request(experiment, &device)?;
    run_experiment(&request, &device.device, &mut Bar::new()).map(|_| ())
}
