//! The order of an experiment.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use medseg_data::{Case, ContentHashes, DiskCache, mix};
use medseg_device::{free_memory, has_own_memory, reserved_bytes};
use medseg_files::FolderLock;
use medseg_report::{RunFolder, RunSummary};
use medseg_unet::Precision;

use super::boxes::predicted_boxes;
use super::dataset::Dataset;
use super::fit::{fit_components, fit_epochs, fit_intensity, fit_size};
use super::folder::{RunRecord, open_folder};
use super::plan::{memory_shortages, plan_text};
use super::predict::predict_cases;
use super::results::{TrainedStage, write_results};
use super::trained::TrainedRun;
use super::{Part, RunRequest};
use crate::cases::{CaseSource, Preparation, Role, Samples, load_label};
use crate::config::{BoxSource, DataConfig, DiskCacheConfig, ExperimentConfig, OnBadCase, StageConfig};
use crate::files::create_dir;
use crate::recorder::Recorder;
use crate::stage::{StageRun, Threads};
use crate::{Observer, TrainError};

/// Result of [`run_experiment`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunOutcome {
    /// A dry run: the plan was reported and nothing was written.
    Planned,
    /// One stage was trained, as the request asked.
    Trained,
    /// The held-out cases were predicted and the report was written.
    Finished(Box<RunSummary>),
}

impl RunOutcome {
    /// The summary of a finished run.
    #[must_use]
    pub fn summary(&self) -> Option<&RunSummary> {
        match self {
            Self::Finished(summary) => Some(summary),
            Self::Planned | Self::Trained => None,
        }
    }
}

/// Trains every stage, predicts the held-out cases and writes the report.
///
/// The held-out cases are the split's test cases, or the validation cases where it has none. With the same request and
/// data everything but wall times comes out equal, whether the run was interrupted and resumed or not. That holds for one
/// run at a time in a process: dropout draws from the device's generator, which two trainings side by side would share.
///
/// Several devices of one kind share the cases of every training step (`gradient.accumulate` of them); the first one keeps
/// the network, validates and predicts. The gradients are added up in the order of the cases, so that the number of
/// devices changes the time and not the result, as far as the devices compute the same.
///
/// The output folder is locked while the run writes to it. A run that goes on must have the settings and the data of the
/// run before: the cases, their split and the content of their files ([`DataIdentity`](medseg_data::DataIdentity)).
///
/// # Errors
/// [`TrainError::Lock`] if another process is writing to the output folder.
/// [`TrainError::Config`] and [`TrainError::Resume`] before anything but the phantom set is written; otherwise what
/// failed, with the case. [`TrainError::Config`] also without a device, with more devices than cases in a step, and for
/// batch norms on several devices, whose running statistics would differ from device to device.
pub fn run_experiment(
    request: &RunRequest,
    devices: &[Device],
    observer: &mut dyn Observer,
) -> Result<RunOutcome, TrainError> {
    request.config.validate()?;
    check_devices(&request.config, devices)?;
    if request.part == Some(Part::Coarse) && request.config.coarse.is_none() {
        return Err(TrainError::Config("a one_stage experiment has no coarse stage to train".into()));
    }
    let mut request = request.clone();
    let _lock = if request.dry_run { None } else { Some(FolderLock::acquire(&request.out)?) };
    let data = Dataset::open(&request, observer)?;
    fit(&mut request, &data, observer)?;
    let record = RunRecord::new(&request);
    let plan = plan_text(&request, &data)?;
    if request.dry_run {
        observer.message(&format!("configuration: {}\n{plan}", record.text()));
    }
    if let Some(memory) = free_memory(&devices[0]) {
        memory_shortages(&request, memory.free)?.iter().for_each(|shortage| observer.warn(shortage));
    }
    if request.dry_run {
        return Ok(RunOutcome::Planned);
    }
    ensure_foreground(&data.select(&data.split.train)?, &request.config.data)?;
    let (run_folder, disk) = (RunFolder::new(&request.out), disk_cache(&request.config.data)?);
    let hashes = match &disk {
        Some(disk) => Arc::clone(disk.hashes()),
        None => Arc::new(ContentHashes::open(run_folder.hashes())),
    };
    let identity = data.identity(&hashes, observer)?;
    open_folder(&request, &record, &identity, observer)?;
    let mut recorder = Recorder::new(observer, run_folder.clone());
    let observer: &mut dyn Observer = &mut recorder;
    observer.message(&plan);
    data.split.write(run_folder.split())?;
    let stages = match request.part {
        Some(Part::Predict) => stages_of(&request)?,
        _ => train_stages(&request, &data, disk, devices, observer)?,
    };
    if matches!(request.part, Some(Part::Coarse | Part::Fine)) {
        recorder.finish()?;
        return Ok(RunOutcome::Trained);
    }
    let run = TrainedRun::open(&request.out, &devices[0])?.with_precision(request.config.precision);
    run.bundle().save(run_folder.bundle())?;
    let mut predicted = predict_cases(&run, &data.select(data.predicted())?, &run_folder, observer)?;
    predicted.skipped.extend(data.unreadable.iter().cloned());
    let summary = write_results(&request, &stages, &predicted)?;
    observer.message(&closing_lines(&request, &summary));
    recorder.finish()?;
    Ok(RunOutcome::Finished(Box::new(summary)))
}

/// The folder of prepared cases, if the settings name one.
fn disk_cache(config: &DataConfig) -> Result<Option<Arc<DiskCache>>, TrainError> {
    let open = |settings: &DiskCacheConfig| DiskCache::open(&settings.folder, settings.mib << 20);
    Ok(config.disk_cache.as_ref().map(open).transpose()?.map(Arc::new))
}

/// Refuses devices that would have nothing to do, or statistics that would differ.
fn check_devices(config: &ExperimentConfig, devices: &[Device]) -> Result<(), TrainError> {
    if devices.is_empty() {
        return Err(TrainError::Config("no device to train on".into()));
    }
    for (name, stage) in config.stages().into_iter().filter(|_| devices.len() > 1) {
        let (cases, count) = (stage.gradient.accumulate, devices.len());
        if cases < count {
            return Err(TrainError::Config(format!(
                "{name}.gradient.accumulate = {cases} is too few cases a step for {count} devices; use a multiple of {count}"
            )));
        }
        if stage.network.has_batch_norm() {
            return Err(TrainError::Config(format!(
                "{name}.network.norm: batch norm does not work on several devices"
            )));
        }
    }
    Ok(())
}

/// Resolves what the request leaves to the data.
fn fit(request: &mut RunRequest, data: &Dataset, observer: &mut dyn Observer) -> Result<(), TrainError> {
    if request.fit.epochs {
        fit_epochs(&mut request.config, data.split.train.len());
    }
    if request.fit.size {
        fit_size(&mut request.config, &data.shapes);
    }
    if request.fit.components && request.folder().is_some() {
        fit_components(&mut request.config, &data.select(&data.split.train)?, observer)?;
    }
    if request.fit.intensity && request.folder().is_some() {
        fit_intensity(&mut request.config, &data.cases, observer)?;
    }
    request.config.validate()
}

/// Refuses to train where no training case has foreground, as after a mistyped `labels`; stops at the first that has.
fn ensure_foreground(cases: &[Case], data: &DataConfig) -> Result<(), TrainError> {
    for case in cases {
        let label = match load_label(case, &data.labels) {
            // The stage says so.
            Err(_) if data.on_bad_case == OnBadCase::Skip => continue,
            label => label.map_err(|e| e.in_case(&case.id))?,
        };
        if label.is_some_and(|l| l.data.iter().any(|v| *v != 0)) {
            return Ok(());
        }
    }
    let labels = &data.labels;
    let which = if labels.is_empty() { "any value above 0".into() } else { format!("the values {labels:?}") };
    let folder = cases.first().and_then(|c| c.label.as_deref()).and_then(Path::parent).unwrap_or(Path::new(""));
    Err(TrainError::Config(format!("no training label in {} has a voxel of {which}", folder.display())))
}

/// The stages of a run that are trained already.
fn stages_of(request: &RunRequest) -> Result<Vec<TrainedStage>, TrainError> {
    let stages = request.config.stages();
    stages.into_iter().map(|(name, _)| reached(request, name)).collect()
}

/// The state that a stage reached in an earlier run.
fn reached(request: &RunRequest, name: &'static str) -> Result<TrainedStage, TrainError> {
    let Some(state) = StageRun::reached(&request.out.join(name))? else {
        let reason = format!("stage {name} has not been trained yet");
        return Err(TrainError::NotARun { path: request.out.clone(), reason });
    };
    Ok(TrainedStage { name, state, device_memory_bytes: None })
}

/// Trains the stages that the request wants.
fn train_stages(
    request: &RunRequest,
    data: &Dataset,
    disk: Option<Arc<DiskCache>>,
    devices: &[Device],
    observer: &mut dyn Observer,
) -> Result<Vec<TrainedStage>, TrainError> {
    let config = &request.config;
    let cases = [data.select(&data.split.train)?, data.select(&data.split.validation)?];
    // Two stages read the same files: half of the memory keeps what was read, half what the stage at work makes of it.
    let shared = if config.coarse.is_some() { (config.data.cache_mib << 20) / 2 } else { 0 };
    let samples = Samples::new(cases.concat(), &config.data, shared);
    let mut trained = Vec::new();
    for (number, (name, stage)) in config.stages().into_iter().enumerate() {
        match (request.part, name) {
            (Some(Part::Fine), "coarse") => continue,
            (Some(Part::Coarse), "fine") => break,
            _ => {}
        }
        let seed = mix(config.seed, number as u64, 0);
        let boxes = match &config.coarse {
            Some(coarse) if name == "fine" && stage.boxes == BoxSource::Predicted => {
                create_dir(&request.out.join(name))?;
                predicted_boxes(config, coarse, &request.out, &cases.concat(), &samples, &devices[0], observer)?
            }
            _ => HashMap::new(),
        };
        let preparation = Preparation::new(config, stage, seed, boxes).with_disk(disk.clone());
        let budget = (config.data.cache_mib << 20) - shared;
        let source = |cases: &Vec<Case>, all: usize, role| {
            CaseSource::new(cases.clone(), &samples, &preparation, role, budget / all.max(1) * cases.len())
        };
        let all = cases[0].len() + cases[1].len();
        let (training, validation) = (source(&cases[0], all, Role::Training), source(&cases[1], all, Role::Validation));
        let run = StageRun {
            name,
            config: stage,
            seed,
            workers: config.data.workers,
            devices,
            threads: &threads_of(stage, config.precision, devices)?,
            precision: config.precision,
            folder: RunFolder::new(&request.out).stage(name),
            tensorboard: request.tensorboard.then(|| RunFolder::new(&request.out).tensorboard(name)),
        };
        let state = run.train(&training, &validation, observer)?;
        let device_memory_bytes = reserved_bytes(&devices[0]);
        trained.push(TrainedStage { name, state, device_memory_bytes });
    }
    Ok(trained)
}

/// The threads of a stage's kernels: on a single CPU shared by a step's cases, otherwise by the devices.
pub(super) fn threads_of(stage: &StageConfig, precision: Precision, devices: &[Device]) -> Result<Threads, TrainError> {
    match devices {
        [device] if !has_own_memory(device) => Threads::for_stage(stage, precision),
        _ => Threads::new(devices.len()),
    }
}

fn closing_lines(request: &RunRequest, summary: &RunSummary) -> String {
    let mut lines: Vec<String> = summary
        .stages
        .iter()
        .map(|(name, s)| {
            let dice = s.dice_mean.map_or_else(|| "undefined".into(), |d| format!("{d:.4}"));
            format!("{name}: mean Dice {dice} over {} cases", s.cases - s.cases_without_reference)
        })
        .collect();
    lines.push(format!("masks, overlays and report.html are in {}", request.out.display()));
    lines.join("\n")
}
