#![doc = include_str!("../README.md")]

mod command;
mod commands;
mod console;
mod device;
mod error;
mod image;
mod interrupt;
mod mask;
mod memory;
mod monai;
mod output;
mod paths;
mod slice_of_series;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use medseg_train::Experiment;

use command::Cli;
use commands::train::{self, TrainArgs};
use console::Console;
use error::{CliError, exit_code};
pub use interrupt::clean_up_when_interrupted;

/// Runs a command line, whose first word is the program's name, and gives its exit code: 0 for success, 2 for a wrong
/// command line or configuration, 1 for any other failure.
///
/// Results go to standard output; messages, warnings and progress bars go to standard error.
///
/// ```
/// assert_eq!(medseg_cli::run(["medseg", "devices"]), std::process::ExitCode::SUCCESS);
/// ```
pub fn run<T: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = T>) -> ExitCode {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => exit_code(cli.run()),
        Err(error) => usage(&error),
    }
}

/// Does what `medseg train EXPERIMENT` does with this process's arguments; the examples `one_stage` and `two_stage`.
pub fn run_experiment(experiment: Experiment) -> ExitCode {
    /// The options of `medseg train`, as those of a program of their own.
    #[derive(Debug, Parser)]
    #[command(about = "Trains on image/label pairs, predicts the held-out cases, saves masks and writes a report")]
    struct Alone {
        #[command(flatten)]
        train: TrainArgs,
        /// Print no progress and no messages; warnings and errors stay
        #[arg(long)]
        quiet: bool,
    }
    clean_up_when_interrupted();
    match Alone::try_parse() {
        Ok(alone) => exit_code(train::train(Some(experiment), &alone.train, &mut Console::new(alone.quiet))),
        Err(error) => usage(&error),
    }
}

/// Prints a wrong command line's error, or the help that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    // Standard error may be closed; the code says it all the same.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
