//! Time of every stage of an experiment, measured on a few of its cases.

use std::collections::HashMap;
use std::time::Duration;

use burn::tensor::Device;
use medseg_data::{Case, mix};
use medseg_report::RunFolder;

use super::run::threads_of;
use crate::cases::{CaseSource, Preparation, Role, Samples};
use crate::config::ExperimentConfig;
use crate::stage::{StageRun, StageTiming};
use crate::{Alone, TrainError};

/// Cases that are trained on in turn.
const CASES: usize = 8;
/// Cases that are validated.
const VALIDATED: usize = 2;

/// Measures each stage of an experiment on up to 8 of these cases, in the stages' order, each for at least `least` after a
/// first pass. Nothing is written.
///
/// # Errors
/// [`TrainError::Config`] for impossible settings or no cases; failures of cases and networks.
pub fn time_stages(
    config: &ExperimentConfig,
    cases: &[Case],
    devices: &[Device],
    least: Duration,
) -> Result<Vec<StageTiming>, TrainError> {
    config.validate()?;
    if cases.is_empty() || devices.is_empty() {
        return Err(TrainError::Config("timing needs a case and a device".into()));
    }
    let timed = cases[..cases.len().min(CASES)].to_vec();
    let samples = Samples::new(timed.clone(), &config.data, 0);
    let mut timings = Vec::new();
    for (number, (name, stage)) in config.stages().into_iter().enumerate() {
        let seed = mix(config.seed, number as u64, 0);
        let preparation = Preparation::new(config, stage, seed, HashMap::new());
        let source = |count: usize, role| {
            let cases = timed[..count.min(timed.len())].to_vec();
            CaseSource::new(cases, &samples, &preparation, role, config.data.cache_mib << 20)
        };
        let run = StageRun {
            name,
            config: stage,
            seed,
            workers: config.data.workers,
            devices,
            threads: &threads_of(stage, config.precision, devices, 1)?,
            precision: config.precision,
            ranks: &Alone,
            // Not there, and not made: a timing writes nothing.
            folder: RunFolder::new("timing").stage(name),
            tensorboard: None,
        };
        timings.push(run.time(&source(CASES, Role::Training), &source(VALIDATED, Role::Validation), least)?);
    }
    Ok(timings)
}
