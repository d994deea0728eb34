//! The order of an experiment.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use medseg_data::{Case, ContentHashes, DiskCache, Split, mix};
use medseg_device::{free_memory, has_own_memory, reserved_bytes};
use medseg_files::FolderLock;
use medseg_report::{RunFolder, RunSummary};
use medseg_unet::Precision;

use super::boxes::{CoarseResults, coarse_results};
use super::cleaning::cleaned_by_validation;
use super::dataset::Dataset;
use super::fit::{fit_components, fit_epochs, fit_intensity, fit_schedule, fit_size};
use super::folder::{RunRecord, open_folder};
use super::plan::{memory_shortages, plan_text};
use super::predict::{Predicted, predict_cases};
use super::results::{TrainedStage, write_results};
use super::trained::TrainedRun;
use super::{Part, RunRequest};
use crate::cases::{CaseSource, Preparation, Role, Samples, load_label};
use crate::config::{BoxSource, Cleaning, DataConfig, DiskCacheConfig, ExperimentConfig, OnBadCase, StageConfig};
use crate::files::create_dir;
use crate::recorder::Recorder;
use crate::stage::{StageRun, Threads};
use crate::{Observer, Ranks, Silent, TrainError};

/// Result of [`run_experiment`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunOutcome {
    /// A dry run: the plan was reported and nothing was written.
    Planned,
    /// One stage was trained, as the request asked, or a whole run of which the first rank has the summary.
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
/// So do several processes ([`RunRequest::ranks`]), each of which runs the same request: case `i` of a step goes to rank
/// `i % ranks`, and so does case `i` of a validation between epochs and held-out case `i` of the prediction behind them. All
/// ranks hold the same weights, bit for bit, and see the same output folder. The first one alone fits the settings to the data
/// and writes, but for the masks and overlays that other ranks predict.
///
/// The output folder is locked while the run writes to it. A run that goes on must have the settings and the data of the
/// run before: the cases, their split and the content of their files ([`DataIdentity`](medseg_data::DataIdentity)).
///
/// # Errors
/// [`TrainError::Lock`] if another process is writing to the output folder.
/// [`TrainError::Config`] and [`TrainError::Resume`] before anything but the phantom set is written; otherwise what
/// failed, with the case. [`TrainError::Config`] also without a device, with more devices than cases in a step, and for
/// batch norms on several devices or ranks, whose running statistics would differ.
/// [`TrainError::Ranks`] if another rank fails or differs. After any error the rank must call
/// [`abort`](crate::Ranks::abort), as the others may be waiting for it.
pub fn run_experiment(
    request: &RunRequest,
    devices: &[Device],
    observer: &mut dyn Observer,
) -> Result<RunOutcome, TrainError> {
    let ranks = &*request.ranks;
    let mut silent = Silent;
    let observer: &mut dyn Observer = if ranks.is_first() { observer } else { &mut silent };
    request.config.validate()?;
    check_devices(&request.config, devices, ranks.size())?;
    if request.part == Some(Part::Coarse) && request.config.coarse.is_none() {
        return Err(TrainError::Config("a one_stage experiment has no coarse stage to train".into()));
    }
    let mut request = request.clone();
    let locks = ranks.is_first() && !request.dry_run;
    let _lock = if locks { Some(FolderLock::acquire(&request.out)?) } else { None };
    let mut data = open_data(&request, observer)?;
    data.split = same_split(ranks, data.split)?;
    request.config = ranks.from_first(|| {
        fit(&mut request, &data, observer)?;
        Ok::<_, TrainError>(request.config.clone())
    })?;
    idle_ranks(&request).iter().for_each(|line| observer.warn(line));
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
    let (run_folder, disk) = (RunFolder::new(&request.out), disk_cache(&request.config.data)?);
    if ranks.is_first() {
        start_folder(&request, &record, &data, disk.as_ref(), observer)?;
    }
    // The others read what is there only now.
    ranks.wait()?;
    if !ranks.is_first() {
        if request.part != Some(Part::Predict) {
            train_stages(&request, &data, disk, devices, observer)?;
        }
        if request.part.is_none_or(|part| part == Part::Predict) {
            predicted(&request, &data, &devices[0], observer)?;
        }
        ranks.wait()?;
        return Ok(RunOutcome::Trained);
    }
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
        ranks.wait()?;
        return Ok(RunOutcome::Trained);
    }
    let mut predicted = predicted(&request, &data, &devices[0], observer)?;
    predicted.skipped.extend(data.unreadable.iter().cloned());
    let summary = write_results(&request, &stages, &predicted)?;
    observer.message(&closing_lines(&request, &summary));
    recorder.finish()?;
    ranks.wait()?;
    Ok(RunOutcome::Finished(Box::new(summary)))
}

/// Writes the bundle on the first rank, and predicts on all of them.
fn predicted(
    request: &RunRequest,
    data: &Dataset,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Predicted, TrainError> {
    let (ranks, folder) = (&*request.ranks, RunFolder::new(&request.out));
    // The first rank has written the last weights now.
    ranks.wait()?;
    let mut run = TrainedRun::open(&request.out, device)?.with_precision(request.config.precision);
    ranks.agree_on("the weights in the folder of the run", run.checksum())?;
    if request.config.cleaning == Cleaning::ChosenByValidation {
        run = cleaned_by_validation(run, &data.select(&data.split.validation)?, ranks, observer)?;
    }
    if ranks.is_first() {
        run.bundle().save(folder.bundle())?;
    }
    predict_cases(&run, &data.select(data.predicted())?, &folder, ranks, observer)
}

/// Opens the data on the first rank, which may write the phantom set, and then on the others.
fn open_data(request: &RunRequest, observer: &mut dyn Observer) -> Result<Dataset, TrainError> {
    if request.ranks.is_first() {
        let data = Dataset::open(request, observer)?;
        request.ranks.wait()?;
        return Ok(data);
    }
    request.ranks.wait()?;
    Dataset::open(request, observer)
}

/// The first rank's split.
fn same_split(ranks: &dyn Ranks, split: Split) -> Result<Split, TrainError> {
    let Split { train, validation, unused } = split;
    let parts = ranks.from_first(|| Ok::<_, TrainError>([train, validation, unused]))?;
    let [train, validation, unused] = parts;
    Ok(Split { train, validation, unused })
}

/// A line for every stage with fewer cases a step than ranks.
fn idle_ranks(request: &RunRequest) -> Vec<String> {
    let ranks = request.ranks.size();
    let few = request.config.stages().into_iter().filter(|(_, stage)| stage.gradient.accumulate < ranks);
    few.map(|(name, stage)| {
        let cases = stage.gradient.accumulate;
        format!("stage {name}: {cases} of {ranks} ranks have a case of a step; see {name}.gradient.accumulate")
    })
    .collect()
}

/// Checks the labels, identifies the data and makes the output folder ready.
fn start_folder(
    request: &RunRequest,
    record: &RunRecord,
    data: &Dataset,
    disk: Option<&Arc<DiskCache>>,
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    ensure_foreground(&data.select(&data.split.train)?, &request.config.data)?;
    let hashes = match disk {
        Some(disk) => Arc::clone(disk.hashes()),
        None => Arc::new(ContentHashes::open(RunFolder::new(&request.out).hashes())),
    };
    let identity = data.identity(&hashes, observer)?;
    open_folder(request, record, &identity, observer)
}

/// The folder of prepared cases, if the settings name one.
fn disk_cache(config: &DataConfig) -> Result<Option<Arc<DiskCache>>, TrainError> {
    let open = |settings: &DiskCacheConfig| DiskCache::open(&settings.folder, settings.mib << 20);
    Ok(config.disk_cache.as_ref().map(open).transpose()?.map(Arc::new))
}

/// Refuses devices that would have nothing to do, or statistics that would differ.
fn check_devices(config: &ExperimentConfig, devices: &[Device], ranks: usize) -> Result<(), TrainError> {
    if devices.is_empty() {
        return Err(TrainError::Config("no device to train on".into()));
    }
    for (name, stage) in config.stages() {
        let (cases, count) = (stage.gradient.accumulate, devices.len() * ranks);
        // A rank without a case waits for the others, but a device without one would do nothing for ever.
        if devices.len() > 1 && cases < count {
            return Err(TrainError::Config(format!(
                "{name}.gradient.accumulate = {cases} is too few cases a step for {count} devices; use a multiple of {count}"
            )));
        }
        if count > 1 && stage.network.has_batch_norm() {
            return Err(TrainError::Config(format!(
                "{name}.network.norm: batch norm does not work on several devices or ranks"
            )));
        }
    }
    Ok(())
}

/// Resolves what the request leaves to the data.
fn fit(request: &mut RunRequest, data: &Dataset, observer: &mut dyn Observer) -> Result<(), TrainError> {
    if request.fit.channels {
        request.config.set_channels(data.channels());
    }
    if request.fit.epochs {
        fit_epochs(&mut request.config, data.split.train.len());
    }
    if request.fit.schedule {
        fit_schedule(&mut request.config);
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
        let looks = stage.boxes == BoxSource::Predicted || config.cascade.mask_channel;
        let CoarseResults { boxes, masks } = match &config.coarse {
            Some(coarse) if name == "fine" && looks => {
                let cases = cases.concat();
                request.ranks.from_first(|| {
                    create_dir(&request.out.join(name))?;
                    coarse_results(config, coarse, &request.out, &cases, &samples, &devices[0], observer)
                })?
            }
            _ => CoarseResults::default(),
        };
        let masks = if stage.network.in_channels() > config.data.channels { masks } else { HashMap::new() };
        let preparation = Preparation::new(config, stage, seed, boxes).with_masks(masks).with_disk(disk.clone());
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
            threads: &threads_of(stage, config.precision, devices, request.ranks.size())?,
            precision: config.precision,
            ranks: &*request.ranks,
            folder: RunFolder::new(&request.out).stage(name),
            tensorboard: request.tensorboard.then(|| RunFolder::new(&request.out).tensorboard(name)),
        };
        let state = run.train(&training, &validation, observer)?;
        let device_memory_bytes = reserved_bytes(&devices[0]);
        trained.push(TrainedStage { name, state, device_memory_bytes });
    }
    Ok(trained)
}

/// The threads of a stage's kernels: on a single CPU shared by this rank's cases of a step, otherwise by the devices.
pub(super) fn threads_of(
    stage: &StageConfig,
    precision: Precision,
    devices: &[Device],
    ranks: usize,
) -> Result<Threads, TrainError> {
    match devices {
        [device] if !has_own_memory(device) => Threads::for_stage(stage, precision, ranks),
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
