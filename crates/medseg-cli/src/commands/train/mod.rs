//! `medseg train`: one experiment.

mod network;
mod options;

use clap::ValueEnum;
use medseg_train::{Experiment, run_experiment};

use crate::console::Console;
use crate::device::{choose_devices, within_memory_of};
use crate::{CliError, paths};

pub use options::TrainArgs;

/// Train, predict the held-out cases, save masks and write a report
///
/// Without --data it makes a small synthetic abdomen CT set first and trains on the CPU in minutes. A killed run goes on with
/// --resume and ends with the same weights.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The experiment
    experiment: Name,
    #[command(flatten)]
    train: TrainArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// One network on full-resolution crops, applied by sliding window
    #[value(alias = "one_stage")]
    OneStage,
    /// A coarse network finds the organ, a fine one segments inside its box
    #[value(alias = "two_stage")]
    TwoStage,
}

/// # Errors
/// As [`train`].
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    let experiment = match args.experiment {
        Name::OneStage => Experiment::OneStage,
        Name::TwoStage => Experiment::TwoStage,
    };
    train(experiment, &args.train, console)
}

/// Runs one experiment.
///
/// # Errors
/// A wrong option or setting, what the run fails with, or a held-out case that could not be predicted.
pub fn train(experiment: Experiment, args: &TrainArgs, console: &mut Console) -> Result<(), CliError> {
    let config = args.settings(experiment)?;
    let chosen = choose_devices(&config.device, args.device_is_asked_for(), console)?;
    let name = chosen.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let devices: Vec<_> = chosen.iter().map(|c| c.device.clone()).collect();
    let request = args.request(config, &name);
    args.refuse_own_settings(&request.out)?;
    if let Some(data) = request.folder() {
        paths::refuse_folder_over_input(&request.out, data)?;
    }
    let outcome = within_memory_of(&chosen[0], || Ok(run_experiment(&request, &devices, console)?))?;
    match outcome.summary().is_none_or(|s| s.skipped_cases.is_empty()) {
        true => Ok(()),
        false => Err(CliError::Failed("not every held-out case was predicted; the warnings name the others".into())),
    }
}
