//! Cross-validation: every case is validated once, and the networks of all folds are put together.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_bundle::Bundle;
use medseg_data::{Split, SplitRule};
use medseg_files::FolderLock;
use medseg_metrics::{ScoreTable, bootstrap_ci95, mean_ignoring_nan};
use medseg_report::{EpochRecord, RunFolder, RunSummary, Scores, StageSummary, write_report};

use super::cleaning::of_most;
use super::folder::RunRecord;
use super::results::RESAMPLES;
use super::{Part, RunOutcome, RunRequest, open_bundle, run_experiment};
use crate::files::{create_dir, write_atomic};
use crate::stage::StageRun;
use crate::{Observer, Silent, TrainError};

/// The folds of a cross-validation that are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folds {
    /// Number of folds, at least 2.
    pub count: usize,
    /// The one fold to train, from 0, as an array job does; all of them, and then their ensemble, if not given.
    pub only: Option<usize>,
}

/// Folder of a fold in that of the whole.
fn folder_of(out: &Path, fold: usize) -> PathBuf {
    out.join("folds").join(fold.to_string())
}

/// Trains and validates every fold in a folder of its own, `folds/0`, `folds/1` and so on, each as [`run_experiment`] does;
/// then gathers them: the predictions of all cases by networks that did not train on them, their scores and report, and
/// the bundle of all folds' networks.
///
/// The cases are dealt into folds by the seed, whole groups where `data.groups` names them; `data.split` is not used. A
/// resumed cross-validation goes on in the fold it was in; finished ones stay. The first rank gathers.
///
/// # Errors
/// [`TrainError::Config`] for an impossible number of folds, a part of an experiment, or no folder of cases; those of
/// [`run_experiment`].
pub fn run_folds(
    request: &RunRequest,
    folds: Folds,
    devices: &[Device],
    observer: &mut dyn Observer,
) -> Result<RunOutcome, TrainError> {
    let Folds { count, only } = folds;
    if count < 2 || only.is_some_and(|fold| fold >= count) {
        let fold = only.map_or(String::new(), |fold| format!("fold {fold} of "));
        return Err(TrainError::Config(format!("{fold}{count} folds: at least 2, counted from 0")));
    }
    if request.folder().is_none() || request.part.is_some_and(|part| part != Part::Predict) {
        return Err(TrainError::Config("folds need a folder of cases, and run whole experiments".into()));
    }
    let ranks = &*request.ranks;
    let mut silent = Silent;
    let observer: &mut dyn Observer = if ranks.is_first() { observer } else { &mut silent };
    for fold in only.map_or(0..count, |fold| fold..fold + 1) {
        let run = fold_request(request, count, fold);
        let finished = || Ok::<_, TrainError>(run.resume && RunFolder::new(&run.out).summary().is_file());
        if ranks.from_first(finished)? {
            observer.message(&format!("fold {fold} of {count} is finished"));
            continue;
        }
        observer.message(&format!("fold {fold} of {count}"));
        if matches!(run_experiment(&run, devices, observer)?, RunOutcome::Planned) {
            return Ok(RunOutcome::Planned);
        }
    }
    if !ranks.is_first() {
        ranks.wait()?;
        return Ok(RunOutcome::Trained);
    }
    let missing: Vec<String> = (0..count)
        .filter(|fold| !RunFolder::new(folder_of(&request.out, *fold)).summary().is_file())
        .map(|fold| fold.to_string())
        .collect();
    if !missing.is_empty() {
        observer.message(&format!("folds that are not finished: {}", missing.join(", ")));
        ranks.wait()?;
        return Ok(RunOutcome::Trained);
    }
    let outcome = gather(request, count, &devices[0], observer)?;
    ranks.wait()?;
    Ok(outcome)
}

fn fold_request(request: &RunRequest, folds: usize, fold: usize) -> RunRequest {
    let mut run = RunRequest { out: folder_of(&request.out, fold), ..request.clone() };
    run.config.data.split = SplitRule::KFold { folds, fold, seed: request.config.seed };
    run
}

/// Puts finished folds together in the folder of the whole.
fn gather(
    request: &RunRequest,
    count: usize,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<RunOutcome, TrainError> {
    let _lock = FolderLock::acquire(&request.out)?;
    let out = RunFolder::new(&request.out);
    let parts: Vec<RunFolder> = (0..count).map(|fold| RunFolder::new(folder_of(&request.out, fold))).collect();
    observer.begin("folds together", count);
    let bundles = parts.iter().map(|part| open_bundle(part.path(), device)).collect::<Result<Vec<_>, _>>()?;
    let cleanings: Vec<_> = bundles.iter().map(|bundle| bundle.config().postprocessing.clone()).collect();
    Bundle::ensemble(bundles)?.with_postprocessing(of_most(&cleanings))?.save(out.bundle())?;
    for folder in [out.predictions(), out.overlays()] {
        create_dir(&folder)?;
    }
    let mut split = Split::default();
    for (fold, part) in parts.iter().enumerate() {
        let cases = Split::read(part.split())?.validation;
        for case in &cases {
            copy(&part.prediction(case), &out.prediction(case))?;
            copy(&part.overlay(case), &out.overlay(case))?;
        }
        split.validation.extend(cases);
        observer.advance(fold + 1, "");
    }
    observer.end();
    split.validation.sort();
    split.write(out.split())?;
    let record = RunRecord::read(parts[0].path())?;
    write_atomic(&out.config(), record.text().as_bytes())?;
    let names: Vec<&'static str> = record.settings.stages().into_iter().map(|(name, _)| name).collect();
    let mut histories = Vec::new();
    for name in names {
        let history = mean_history(&parts, name)?;
        create_dir(out.stage(name).path())?;
        out.stage(name).write_history(&history)?;
        histories.push((name, history));
    }
    write_atomic(&out.metrics(), joined_tables(&parts)?.to_csv()?.as_bytes())?;
    let summary = summarise(&parts, &Scores::read(&out.metrics())?, &histories, request.config.seed)?;
    let text = serde_json::to_string_pretty(&summary).unwrap_or_default();
    write_atomic(&out.summary(), text.as_bytes())?;
    write_report(&request.out, None)?;
    for (name, stage) in &summary.stages {
        let dice = stage.dice_mean.map_or_else(|| "undefined".into(), |dice| format!("{dice:.4}"));
        observer.message(&format!(
            "{name}: mean Dice {dice} over {} cases, each by a network that did not see it",
            stage.cases
        ));
    }
    observer.message(&format!("the bundle of all folds, masks and report.html are in {}", request.out.display()));
    Ok(RunOutcome::Finished(Box::new(summary)))
}

/// Copies a file that a fold may lack for a case that could not be read.
fn copy(from: &Path, to: &Path) -> Result<(), TrainError> {
    match fs::read(from) {
        Ok(bytes) => write_atomic(to, &bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(TrainError::io("read", from, e)),
    }
}

/// The rows of all folds.
fn joined_tables(parts: &[RunFolder]) -> Result<ScoreTable, TrainError> {
    let mut joined: Option<ScoreTable> = None;
    for part in parts {
        let path = part.metrics();
        let bytes = fs::read(&path).map_err(|e| TrainError::io("read", &path, e))?;
        let table = ScoreTable::read_csv(bytes.as_slice(), &["case", "stage", "class"])?;
        match &mut joined {
            None => joined = Some(table),
            Some(joined) => {
                for row in table.rows() {
                    let keys: Vec<&str> = row.keys.iter().map(String::as_str).collect();
                    joined.push(&keys, &row.scores)?;
                }
            }
        }
    }
    joined.ok_or_else(|| TrainError::Config("no fold has scores".into()))
}

/// The mean over the folds of every epoch that all of them reached.
fn mean_history(parts: &[RunFolder], stage: &str) -> Result<Vec<EpochRecord>, TrainError> {
    let mut histories = Vec::new();
    for part in parts {
        let state = StageRun::reached(part.stage(stage).path())?;
        histories.push(state.map(|state| state.history).unwrap_or_default());
    }
    let epochs = histories.iter().map(Vec::len).min().unwrap_or(0);
    let mean = |of: &dyn Fn(&EpochRecord) -> f64, at: usize| {
        histories.iter().map(|history| of(&history[at])).sum::<f64>() / histories.len() as f64
    };
    let optional = |of: &dyn Fn(&EpochRecord) -> Option<f64>, at: usize| {
        let found: Option<Vec<f64>> = histories.iter().map(|history| of(&history[at])).collect();
        found.map(|values| mean_ignoring_nan(&values))
    };
    let record = |at: usize| EpochRecord {
        epoch: at + 1,
        lr: histories[0][at].lr,
        loss: mean(&|r| r.loss, at),
        validation_dice: optional(&|r| r.validation_dice, at),
        class_dice: (0..histories[0][at].class_dice.len())
            .map(|class| optional(&|r| r.class_dice.get(class).copied().flatten(), at))
            .collect(),
        seconds: mean(&|r| r.seconds, at),
        seconds_waiting: mean(&|r| r.seconds_waiting, at),
    };
    Ok((0..epochs).map(record).collect())
}

/// The summary over all cases; times are sums over the folds.
fn summarise(
    parts: &[RunFolder],
    scores: &Scores,
    histories: &[(&'static str, Vec<EpochRecord>)],
    seed: u64,
) -> Result<RunSummary, TrainError> {
    let mut all = Vec::new();
    for part in parts {
        let path = part.summary();
        let text = crate::files::read_text(&path)?;
        let summary: RunSummary =
            serde_json::from_str(&text).map_err(|e| TrainError::NotARun { path, reason: e.to_string() })?;
        all.push(summary);
    }
    let count = |of: &dyn Fn(&RunSummary) -> Option<usize>| all.iter().map(of).sum::<Option<usize>>();
    let mut summary = RunSummary {
        experiment: all[0].experiment.clone(),
        coarse_missed_cases: count(&|s| s.coarse_missed_cases),
        roi_grown_cases: count(&|s| s.roi_grown_cases),
        roi_fallbacks: count(&|s| s.roi_fallbacks),
        skipped_cases: all.iter().flat_map(|s| s.skipped_cases.clone()).collect(),
        ..RunSummary::default()
    };
    let dice = scores.index("dice").ok_or_else(|| TrainError::Config("metrics.csv has no column dice".into()))?;
    for (name, history) in histories {
        let stages: Vec<&StageSummary> = all.iter().filter_map(|s| s.stages.get(*name)).collect();
        let values = scores.values(name, None, dice);
        let defined: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        let classes = scores.classes(name).into_iter();
        let mean = |class: &str| mean_ignoring_nan(&scores.values(name, Some(class), dice));
        let stage = StageSummary {
            cases: values.len(),
            cases_without_reference: values.len() - defined.len(),
            dice_mean: (!defined.is_empty()).then(|| defined.iter().sum::<f64>() / defined.len() as f64),
            class_dice_mean: classes.map(|c| (c.to_string(), mean(c))).filter(|(_, m)| !m.is_nan()).collect(),
            dice_ci95: bootstrap_ci95(&defined, RESAMPLES, seed).map(|(low, high)| [low, high]),
            best_validation_dice: history.iter().filter_map(|r| r.validation_dice).reduce(f64::max),
            best_epoch: 0,
            epochs: history.len(),
            seconds_train: stages.iter().map(|s| s.seconds_train).sum(),
            seconds_waiting: stages.iter().map(|s| s.seconds_waiting).sum(),
            seconds_predict: stages.iter().map(|s| s.seconds_predict).sum(),
            peak_memory_bytes: stages.iter().filter_map(|s| s.peak_memory_bytes).max(),
            device_memory_bytes: stages.iter().filter_map(|s| s.device_memory_bytes).max(),
        };
        summary.stages.insert((*name).to_string(), stage);
    }
    Ok(summary)
}
