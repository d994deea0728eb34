//! `medseg train`: one experiment.

mod auto;
mod limits;
mod network;
mod options;

use std::path::PathBuf;
use std::sync::Arc;

use medseg_train::{Experiment, Ranks, run_experiment, run_folds};

use crate::console::Console;
use crate::device::{choose_devices, within_memory_of};
use crate::{CliError, paths};

pub use limits::{Duration, Memory, groups};
pub use options::TrainArgs;

/// Train, predict the held-out cases, save masks and write a report
///
/// Without --data it makes a small synthetic abdomen CT set first and trains on the CPU in minutes. A killed run goes on with
/// --resume and ends with the same weights.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// one-stage (one network on crops), two-stage (a coarse network finds the box of the fine one), or a folder of
    /// cases, for which --preset auto or --config chooses the stages
    #[arg(value_name = "one-stage|two-stage|DIR")]
    target: String,
    #[command(flatten)]
    train: TrainArgs,
}

/// # Errors
/// As [`train`].
pub fn run(args: &Args, console: &mut Console) -> Result<(), CliError> {
    match args.target.replace('_', "-").as_str() {
        "one-stage" => train(Some(Experiment::OneStage), &args.train, console),
        "two-stage" => train(Some(Experiment::TwoStage), &args.train, console),
        _ => train(None, &args.train.clone().with_data(PathBuf::from(&args.target))?, console),
    }
}

/// Runs one experiment, or the one that plan or settings choose. A failure of one of several processes ends them all.
///
/// # Errors
/// A wrong option or setting, what the run fails with, or a held-out case that could not be predicted.
pub fn train(experiment: Option<Experiment>, args: &TrainArgs, console: &mut Console) -> Result<(), CliError> {
    let ranks = args.ranks()?;
    let mut silent = Console::silent();
    let console = if ranks.rank() == 0 { console } else { &mut silent };
    let result = train_on(experiment, args, &ranks, console);
    match result {
        // The others may be waiting for this one, so the process does not just end.
        Err(error) if ranks.size() > 1 => {
            let code = error.on_rank(ranks.rank()).print();
            ranks.abort(code.into());
            Err(CliError::Failed("the other ranks do not end".into()))
        }
        result => result,
    }
}

/// The run on the ranks of a job, of which this process is one.
fn train_on(
    experiment: Option<Experiment>,
    args: &TrainArgs,
    ranks: &Arc<dyn Ranks>,
    console: &mut Console,
) -> Result<(), CliError> {
    let planned = args.plans(experiment);
    // A plan depends on measured times, so one process makes it for all.
    let config = ranks.from_first(|| match planned {
        true => auto::settings(experiment, args, ranks.size(), console),
        false => Ok(args.settings(experiment)?),
    })?;
    let chosen = choose_devices(&config.device, args.device_is_asked_for(), console)?;
    let name = chosen.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let devices: Vec<_> = chosen.iter().map(|c| c.device.clone()).collect();
    let request = args.request(config, planned, &name, ranks);
    args.refuse_own_settings(&request.out)?;
    if let Some(data) = request.folder() {
        paths::refuse_folder_over_input(&request.out, data)?;
    }
    let outcome = within_memory_of(&chosen[0], || match args.folds() {
        Some(folds) => Ok(run_folds(&request, folds, &devices, console)?),
        None => Ok(run_experiment(&request, &devices, console)?),
    })?;
    match outcome.summary().is_none_or(|s| s.skipped_cases.is_empty()) {
        true => Ok(()),
        false => Err(CliError::Failed("not every held-out case was predicted; the warnings name the others".into())),
    }
}
