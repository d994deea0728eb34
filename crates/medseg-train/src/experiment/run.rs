//! The order of an experiment.

use std::path::Path;

use burn::tensor::Device;
use medseg_data::Case;

use super::RunRequest;
use super::dataset::Dataset;
use super::fit::{fit_components, fit_epochs, fit_intensity, fit_size};
use super::folder::{BUNDLE_FOLDER, RunRecord, open_folder};
use super::plan::plan_text;
use super::predict::predict_cases;
use super::results::{TrainedStage, write_results};
use super::trained::TrainedRun;
use crate::cases::{CaseSource, Role, load_label};
use crate::memory::peak_memory_bytes;
use crate::report::Summary;
use crate::stage::{StageRun, mix};
use crate::{Observer, TrainError};

/// Trains every stage, predicts the held-out cases and writes the report.
///
/// The held-out cases are the split's test cases, or the validation cases where it has none; `None` is returned after a
/// dry run. With the same request and data everything but wall times comes out equal, whether the run was interrupted
/// and resumed or not. That holds for one run at a time in a process: dropout draws from the device's generator, which
/// two trainings side by side would share.
///
/// # Errors
/// [`TrainError::Config`] and [`TrainError::Resume`] before anything but the phantom set is written; otherwise what
/// failed, with the case.
pub fn run_experiment(
    request: &RunRequest,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Option<Summary>, TrainError> {
    request.config.validate()?;
    let mut request = request.clone();
    let data = Dataset::open(&request, observer)?;
    fit(&mut request, &data, observer)?;
    let record = RunRecord::new(&request);
    let plan = plan_text(&request, &data)?;
    if request.dry_run {
        observer.message(&format!("configuration: {}\n{plan}", record.text()));
        return Ok(None);
    }
    ensure_foreground(&data.select(&data.split.train)?, &request.config.data.labels)?;
    open_folder(&request, &record, observer)?;
    observer.message(&plan);
    data.split.write(request.out.join("split.json"))?;
    let stages = train_stages(&request, &data, device, observer)?;
    let run = TrainedRun::open(&request.out, device)?;
    run.bundle().save(request.out.join(BUNDLE_FOLDER))?;
    let predicted = predict_cases(&run, &data.select(data.predicted())?, &request.out, observer)?;
    let summary = write_results(&request, &record, &stages, &predicted)?;
    observer.message(&closing_lines(&request, &summary));
    Ok(Some(summary))
}

/// Resolves what the request leaves to the data.
fn fit(request: &mut RunRequest, data: &Dataset, observer: &mut dyn Observer) -> Result<(), TrainError> {
    if request.fit_epochs {
        fit_epochs(&mut request.config, data.split.train.len());
    }
    if request.fit_size {
        fit_size(&mut request.config, &data.shapes);
    }
    if request.fit_components && request.data.is_some() {
        fit_components(&mut request.config, &data.select(&data.split.train)?, observer)?;
    }
    if request.fit_intensity && request.data.is_some() {
        fit_intensity(&mut request.config, &data.cases, observer)?;
    }
    request.config.validate()
}

/// Refuses to train where no training case has foreground, as after a mistyped `labels`; stops at the first that has.
fn ensure_foreground(cases: &[Case], labels: &[u8]) -> Result<(), TrainError> {
    for case in cases {
        let label = load_label(case, labels).map_err(|e| e.in_case(&case.id))?;
        if label.is_some_and(|l| l.data.iter().any(|v| *v != 0)) {
            return Ok(());
        }
    }
    let which = if labels.is_empty() { "any value above 0".into() } else { format!("the values {labels:?}") };
    let folder = cases.first().and_then(|c| c.label.as_deref()).and_then(Path::parent).unwrap_or(Path::new(""));
    Err(TrainError::Config(format!("no training label in {} has a voxel of {which}", folder.display())))
}

fn train_stages(
    request: &RunRequest,
    data: &Dataset,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Vec<TrainedStage>, TrainError> {
    let config = &request.config;
    let training_cases = data.select(&data.split.train)?;
    let validation_cases = data.select(&data.split.validation)?;
    let mut trained = Vec::new();
    for (number, (name, stage)) in config.stages().into_iter().enumerate() {
        let budget = config.data.cache_mib << 20;
        let share = |n: usize| budget / (training_cases.len() + validation_cases.len()) * n;
        let source =
            |cases: &Vec<_>, role| CaseSource::new(cases.clone(), &config.data, stage, role, share(cases.len()));
        let training = source(&training_cases, Role::Training);
        let validation = source(&validation_cases, Role::Validation);
        let run = StageRun {
            name,
            config: stage,
            seed: mix(config.seed, number as u64, 0),
            workers: config.data.workers,
            device,
            folder: request.out.join(name),
        };
        let state = run.train(&training, &validation, observer)?;
        trained.push(TrainedStage { name, state, peak_memory_bytes: peak_memory_bytes() });
    }
    Ok(trained)
}

fn closing_lines(request: &RunRequest, summary: &Summary) -> String {
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
