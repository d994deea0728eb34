//! Patch and epochs that fit the time and the memory.

use std::time::{Duration, Instant};

use burn::tensor::Device;
use medseg_data::Case;
use medseg_train::{
    Cleaning, Experiment, ExperimentConfig, Observer, StageConfig, StageInput, StageTiming, TrainError,
    peak_memory_bytes, time_stages,
};

use crate::PlanError;
use crate::decide::network::Topology;
use crate::decide::recipe::{self, VALIDATIONS};
use crate::decision::Decision;
use crate::fingerprint::Fingerprint;
use crate::options::PlanOptions;
use crate::settings::{Choices, FIRST_CHANNELS, settings};

/// Voxels of a patch, at most and at least.
const MOST_VOXELS: usize = 128 * 128 * 96;
const LEAST_VOXELS: usize = 24 * 24 * 24;
/// Patches that a stage should train on; smaller ones are taken before fewer.
const PATCHES: f64 = 4000.0;
/// Voxels of a patch that sees the foreground and its surroundings, as multiple of the foreground's box.
const AROUND_BOX: f64 = 2.5;
/// Share of the patches that should be left at which a patch is small enough.
const ALMOST: f64 = 0.9;
/// Part of the time that is planned, so that a slower moment of the computer does not exceed it.
const PLANNED: f64 = 0.93;
/// Part of the training time for the coarse stage.
const COARSE_SHARE: f64 = 0.2;
/// Seconds for a case's reading, metrics, picture and files besides its windows, and for everything around the cases.
const AROUND_CASE: f64 = 0.25;
const AROUND_ALL: f64 = 3.0;
/// Least seconds of a measurement.
const MEASURED: Duration = Duration::from_secs(6);
/// Tries to find a patch.
const TRIES: usize = 4;
/// Bytes of the program, its buffers and the prediction beside what a step saves.
const PROGRAM_BYTES: u64 = 400 << 20;

/// Settings with their length, and how they were found.
pub(crate) struct Fitted {
    pub config: ExperimentConfig,
    pub decisions: Vec<Decision>,
    /// Seconds of all parts.
    pub seconds: f64,
    /// Bytes of training.
    pub memory: u64,
}

/// Numbers of cases.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub train: usize,
    pub predicted: usize,
    pub validation: usize,
}

/// The cases and devices of a training, and the time when its planning began.
pub(crate) struct Work<'a> {
    pub training: &'a [Case],
    pub counts: Counts,
    pub devices: &'a [Device],
    pub started: Instant,
}

/// Finds patch and epochs for the time that is left of the options'.
pub(crate) fn fit(
    found: &Fingerprint,
    choices: &Choices,
    options: &PlanOptions,
    Work { training, counts, devices, started }: Work<'_>,
    observer: &mut dyn Observer,
) -> Result<Fitted, PlanError> {
    let case_voxels = found.median_shape(choices.spacing_mm).voxels() as f64;
    let around_box = AROUND_BOX * found.box_share() * case_voxels;
    let mut voxels = MOST_VOXELS;
    let mut tries = 0;
    loop {
        let (mut config, topology) = settings(found, choices, options, voxels).map_err(impossible)?;
        let memory = bytes(&config, found, counts)?;
        if memory > options.memory && voxels > LEAST_VOXELS {
            voxels = (voxels * 3 / 4).max(LEAST_VOXELS);
            continue;
        }
        if memory > options.memory {
            return Err(PlanError::Budget(format!(
                "the smallest patch takes about {} MiB, and {} MiB are allowed",
                memory >> 20,
                options.memory >> 20
            )));
        }
        tries += 1;
        observer.message(&format!("timing patches of {}", config.fine.size));
        let timings = time_stages(&config, training, devices, MEASURED)?;
        let left = options.seconds * PLANNED - started.elapsed().as_secs_f64();
        let fine = timings[timings.len() - 1];
        let available = left - fixed(&config, &timings, counts);
        let share = if choices.experiment == Experiment::TwoStage { 1.0 - COARSE_SHARE } else { 1.0 };
        let patches = available * share / fine.training;
        let now = config.fine.size.voxels() as f64;
        let enough = patches.max(0.0) / patches_for(now, around_box);
        if enough < ALMOST && voxels > LEAST_VOXELS && tries < TRIES {
            // Half the size leaves twice the patches, of which a fourth is needed there.
            let share = if now > around_box { enough.cbrt() } else { enough };
            voxels = (now * share.clamp(0.1, 0.9)) as usize;
            // Lengths are rounded up to the network's multiple, so fewer voxels may give the same patch.
            while voxels > LEAST_VOXELS
                && settings(found, choices, options, voxels).map_err(impossible)?.0.fine.size == config.fine.size
            {
                voxels = voxels * 9 / 10;
            }
            voxels = voxels.max(LEAST_VOXELS);
            continue;
        }
        let seconds = lengthen(&mut config, &timings, available, counts)?;
        let decisions = decisions(&config, &topology, &timings, options, patches);
        let total = seconds + fixed(&config, &timings, counts) + started.elapsed().as_secs_f64();
        let memory = measured(&config, found, counts).unwrap_or(memory);
        return Ok(Fitted { config, decisions, seconds: total, memory });
    }
}

/// Patches of so many voxels that a stage should train on. Beyond the foreground's surroundings a larger patch shows more
/// background and the same foreground, so it must leave more of them, by the square of its size.
fn patches_for(voxels: f64, around_box: f64) -> f64 {
    let beyond = if around_box > 0.0 { (voxels / around_box).max(1.0) } else { 1.0 };
    PATCHES * beyond * beyond
}

/// A network that rules made and its crate refuses.
fn impossible(error: impl std::fmt::Display) -> TrainError {
    TrainError::Config(format!("the planned network: {error}"))
}

/// Seconds that do not depend on the number of epochs: reading all cases, choosing the cleaning, predicting, reporting.
fn fixed(config: &ExperimentConfig, timings: &[StageTiming], counts: Counts) -> f64 {
    let reading: f64 = timings.iter().map(|t| t.preparing * (counts.train + counts.validation) as f64).sum();
    let views = 1 << config.fine.window.mirror.to_array().into_iter().filter(|mirrored| *mirrored).count();
    let fine = timings[timings.len() - 1].validating * f64::from(views);
    let coarse = if config.coarse.is_some() { timings[0].validating } else { 0.0 };
    let case = fine + coarse + AROUND_CASE;
    let cleaning = if config.cleaning == Cleaning::ChosenByValidation { counts.validation } else { 0 };
    AROUND_ALL + reading + (counts.predicted + cleaning) as f64 * case
}

/// Gives every stage as many epochs as fit; returns the seconds of all.
fn lengthen(
    config: &mut ExperimentConfig,
    timings: &[StageTiming],
    available: f64,
    counts: Counts,
) -> Result<f64, PlanError> {
    let two = timings.len() > 1;
    let mut sum = 0.0;
    for (number, (stage, timing)) in config.stages_mut().into_iter().zip(timings).enumerate() {
        let share = match (two, number) {
            (true, 0) => COARSE_SHARE,
            (true, _) => 1.0 - COARSE_SHARE,
            _ => 1.0,
        };
        let (time, epoch) = (available * share, timing.training * counts.train as f64);
        let validations = timing.validating * (VALIDATIONS * counts.validation) as f64;
        let epochs = ((time - validations) / epoch).floor();
        if epochs < 1.0 {
            return Err(PlanError::Budget(format!(
                "an epoch takes about {epoch:.0} s, and {time:.0} s are left for training; allow more time"
            )));
        }
        recipe::last_for(stage, epochs as usize, counts.train);
        sum += epochs * epoch + validations;
    }
    Ok(sum)
}

/// Bytes of the largest stage's training: the program, the prepared cases, and the cases of a step.
fn bytes(config: &ExperimentConfig, found: &Fingerprint, counts: Counts) -> Result<u64, PlanError> {
    let mut most = 0;
    for (_, stage) in config.stages() {
        let cost = stage.network.cost(stage.size.to_array()).map_err(impossible)?;
        let at_once = stage.gradient.accumulate as u64;
        let step = cost.saved.saturating_mul(at_once).saturating_mul(3) / 2;
        // Network, gradients, moments, average and a copy for every case of a step.
        let weights = cost.parameters.saturating_mul(4 * (5 + at_once));
        most = most.max(step + weights + cached(stage, config, found, counts));
    }
    Ok(most + PROGRAM_BYTES)
}

/// Bytes of training by what the timed steps took, with the cases that they did not prepare; none where the system does
/// not report it.
fn measured(config: &ExperimentConfig, found: &Fingerprint, counts: Counts) -> Option<u64> {
    let most = config.stages().into_iter().map(|(_, stage)| cached(stage, config, found, counts)).max().unwrap_or(0);
    peak_memory_bytes().map(|peak| peak + most)
}

/// Bytes of the prepared cases, within the cache's limit.
fn cached(stage: &StageConfig, config: &ExperimentConfig, found: &Fingerprint, counts: Counts) -> u64 {
    let shape = found.median_shape(config.data.preprocessing.spacing_mm);
    let shape = if stage.input == StageInput::Whole { stage.size } else { shape };
    let voxel = 4 * found.channels as u64 + 2;
    let all = shape.voxels() as u64 * voxel * (counts.train + counts.validation) as u64;
    all.min((config.data.cache_mib as u64) << 20)
}

fn decisions(
    config: &ExperimentConfig,
    topology: &Topology,
    timings: &[StageTiming],
    options: &PlanOptions,
    patches: f64,
) -> Vec<Decision> {
    let fine = &config.fine;
    let seconds = timings[timings.len() - 1].training;
    let mut decisions = vec![
        Decision::new(
            "Patch",
            format!("{} voxels", fine.size),
            format!(
                "A patch takes {seconds:.2} s here, so the time allows {patches:.0}. A larger one would leave too few (under \
                 {PATCHES:.0}, and more where it shows mostly background), or does not fit the cases or the memory."
            ),
        ),
        topology.decision(&topology.channels(FIRST_CHANNELS)),
        Decision::new(
            "Epochs",
            config
                .stages()
                .iter()
                .map(|(name, stage)| format!("{name} {}", stage.epochs))
                .collect::<Vec<_>>()
                .join(", "),
            format!("They fill {:.0} minutes with validation, prediction and report.", options.seconds / 60.0),
        ),
    ];
    decisions.extend(recipe::decisions(fine));
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_patches_are_needed_the_more_background_they_show() {
        let needed = |voxels| patches_for(voxels, 1000.0);
        assert_eq!([500.0, 1000.0, 2000.0, 3000.0].map(needed), [4000.0, 4000.0, 16000.0, 36000.0]);
        assert_eq!(patches_for(1e6, 0.0), PATCHES);
    }
}
