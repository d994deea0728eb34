//! `--preset auto`: settings from a plan that is made for the data, or was made before.

use std::path::Path;

use medseg_data::SplitRule;
use medseg_plan::{PLAN_FILE, Plan, PlanOptions};
use medseg_train::{Experiment, ExperimentConfig, Observer};

use super::TrainArgs;
use crate::console::Console;
use crate::device::choose_devices;
use crate::{CliError, paths};

/// Default limits.
const SECONDS: f64 = 1800.0;
const MEMORY: u64 = 8 << 30;

/// The plan's settings with the changes of the other options. The plan lies in the output folder; a run that goes on
/// takes the one that is there. `processes` share the cases of a step.
pub(super) fn settings(
    experiment: Option<Experiment>,
    args: &TrainArgs,
    processes: usize,
    console: &mut Console,
) -> Result<ExperimentConfig, CliError> {
    let Some(data) = args.data() else {
        return Err(CliError::Usage("--preset auto plans for cases: name their folder by --data".into()));
    };
    let Some(out) = args.named_out() else {
        return Err(CliError::Usage("--preset auto writes its plan to the output folder: name one by --out".into()));
    };
    paths::refuse_folder_over_input(out, data)?;
    let file = out.join(PLAN_FILE);
    // The jobs of an array share the plan of the first.
    let shared = args.folds().is_some_and(|folds| folds.only.is_some());
    if (args.goes_on() || shared) && file.is_file() {
        console.message(&format!("the plan is that of {}", file.display()));
        return Ok(args.applied(checked(ExperimentConfig::read(&file)?, experiment, &file)?)?);
    }
    let devices = choose_devices(args.device_names(), args.device_is_asked_for(), console)?;
    let devices: Vec<_> = devices.iter().map(|chosen| chosen.device.clone()).collect();
    let options = PlanOptions {
        labels: args.labels().to_vec(),
        groups: args.groups(),
        seconds: args.time.map_or(SECONDS, |time| time.seconds()),
        memory: args.memory.map_or(MEMORY, |memory| memory.bytes()),
        processes,
        seed: args.seed(),
        split: args.folds().map_or_else(SplitRule::default, |folds| SplitRule::KFold {
            folds: folds.count,
            fold: 0,
            seed: args.seed(),
        }),
        ..PlanOptions::new(data)
    };
    let plan = Plan::make(&options, experiment, &devices, console)?;
    if !args.is_dry() {
        plan.write(out)?;
    }
    Ok(args.applied(plan.config)?)
}

/// Refuses a plan for the other number of stages.
fn checked(
    config: ExperimentConfig,
    experiment: Option<Experiment>,
    file: &Path,
) -> Result<ExperimentConfig, CliError> {
    match experiment {
        Some(wanted) if wanted != config.experiment => {
            let reason = format!("{} plans a {} experiment; name that one", file.display(), config.experiment.name());
            Err(CliError::Usage(reason))
        }
        _ => Ok(config),
    }
}
