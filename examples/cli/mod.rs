//! What the examples share: the command line, the progress bar, the exit code.

mod device;
mod options;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use medseg::train::{Experiment, TrainError, run_experiment};

#[allow(unused_imports, reason = "each example uses its own part of this module")]
pub use device::{choose_device, choose_devices, within_memory_of};
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
    match start(experiment, &options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: not every held-out case was predicted; the warnings name the others");
            ExitCode::from(1)
        }
        Err(e) => exit_code(Err(e)),
    }
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

/// True if every held-out case was predicted.
fn start(experiment: Experiment, options: &Options) -> Result<bool, TrainError> {
    let config = options.settings(experiment)?;
    let chosen = choose_devices(&config.device, options.device_is_asked_for())?;
    let name = chosen.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let devices: Vec<_> = chosen.iter().map(|c| c.device.clone()).collect();
    let request = options.request(config, &name);
    let outcome = within_memory_of(&chosen[0], || run_experiment(&request, &devices, &mut Bar::new()))?;
    Ok(outcome.summary().is_none_or(|s| s.skipped_cases.is_empty()))
}
