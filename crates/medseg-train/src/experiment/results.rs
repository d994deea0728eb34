//! From rows and histories to `metrics.csv`, `summary.json` and `report.html`.

use std::collections::BTreeMap;

use medseg_metrics::{bootstrap_ci95, mean_ignoring_nan};
use medseg_report::{RunFolder, RunSummary, StageSummary, write_report};

use super::RunRequest;
use super::predict::Predicted;
use crate::TrainError;
use crate::config::Experiment;
use crate::memory::peak_memory_bytes;
use crate::stage::StageState;

/// Resamples of the bootstrap interval.
pub(super) const RESAMPLES: usize = 10_000;

/// A trained stage: its name and its state.
pub(crate) struct TrainedStage {
    pub name: &'static str,
    pub state: StageState,
    /// Memory taken of the first device's own by the end of training.
    pub device_memory_bytes: Option<u64>,
}

/// Writes the tables and the page; returns the summary.
pub(crate) fn write_results(
    request: &RunRequest,
    stages: &[TrainedStage],
    predicted: &Predicted,
) -> Result<RunSummary, TrainError> {
    let summary = summarise(request, stages, predicted);
    RunFolder::new(&request.out).write_results(&predicted.rows, &summary)?;
    write_report(&request.out, None)?;
    Ok(summary)
}

fn summarise(request: &RunRequest, stages: &[TrainedStage], predicted: &Predicted) -> RunSummary {
    let two_stage = request.config.experiment == Experiment::TwoStage;
    let stages: BTreeMap<String, StageSummary> =
        stages.iter().map(|s| (s.name.to_string(), summarise_stage(request, s, predicted))).collect();
    RunSummary {
        experiment: request.config.experiment.name().into(),
        stages,
        coarse_missed_cases: two_stage.then_some(predicted.coarse_missed),
        roi_grown_cases: two_stage.then_some(predicted.grown),
        roi_fallbacks: two_stage.then_some(predicted.fallbacks),
        skipped_cases: predicted.skipped.clone(),
    }
}

fn summarise_stage(request: &RunRequest, stage: &TrainedStage, predicted: &Predicted) -> StageSummary {
    let rows: Vec<_> = predicted.rows.iter().filter(|r| r.stage == stage.name && r.class.is_none()).collect();
    let dice: Vec<f64> = rows.iter().map(|r| r.metrics.dice).filter(|d| !d.is_nan()).collect();
    let history = &stage.state.history;
    StageSummary {
        cases: rows.len(),
        cases_without_reference: rows.len() - dice.len(),
        dice_mean: (!dice.is_empty()).then(|| dice.iter().sum::<f64>() / dice.len() as f64),
        class_dice_mean: class_means(stage.name, predicted),
        dice_ci95: bootstrap_ci95(&dice, RESAMPLES, request.config.seed).map(|(low, high)| [low, high]),
        best_validation_dice: history.iter().filter_map(|r| r.validation_dice).reduce(f64::max),
        best_epoch: stage.state.best_epoch,
        epochs: history.len(),
        seconds_waiting: history.iter().map(|r| r.seconds_waiting).sum(),
        seconds_train: history.iter().map(|r| r.seconds).sum(),
        seconds_predict: rows.iter().map(|r| r.seconds).sum(),
        peak_memory_bytes: stage.state.peak_memory_bytes.max(peak_memory_bytes()),
        device_memory_bytes: stage.device_memory_bytes,
    }
}

/// Mean Dice of each class by its label value, where the stage has several.
fn class_means(stage: &str, predicted: &Predicted) -> BTreeMap<String, f64> {
    let mut of_class: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in &predicted.rows {
        if let Some(label) = row.class.filter(|_| row.stage == stage) {
            of_class.entry(label.to_string()).or_default().push(row.metrics.dice);
        }
    }
    of_class.into_iter().map(|(label, dice)| (label, mean_ignoring_nan(&dice))).filter(|(_, m)| !m.is_nan()).collect()
}
