//! The order of an experiment.

use burn::tensor::Device;

use super::RunRequest;
use super::dataset::Dataset;
use super::fit::{fit_epochs, fit_intensity, fit_size};
use super::folder::{RunRecord, open_folder};
use super::plan::plan_text;
use super::predict::predict_cases;
use super::results::{TrainedStage, write_results};
use super::trained::TrainedRun;
use crate::cases::{CaseSource, Role};
use crate::memory::peak_memory_bytes;
use crate::report::Summary;
use crate::stage::{StageRun, mix};
use crate::{Observer, TrainError};

/// Trains every stage, predicts the held-out cases and writes the report.
///
/// The held-out cases are the split's test cases, or the validation cases where it has none; `None` is returned after a
/// dry run. With the same request and data everything but wall times comes out equal, whether the run was interrupted
/// and resumed or not.
///
/// # Errors
/// [`TrainError::Config`] and [`TrainError::Resume`] before anything is written; otherwise what failed, with the case.
pub fn run_experiment(
    request: &RunRequest,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Option<Summary>, TrainError> {
    request.config.validate()?;
    let mut request = request.clone();
    let data = Dataset::open(&request, observer)?;
    fit(&mut request, &data, observer)?;
    let record = RunRecord::new(&request, &data.folder);
    if request.dry_run {
        observer.message(&plan_text(&request, &record, &data)?);
        return Ok(None);
    }
    open_folder(&request, &record, observer)?;
    data.split.write(&request.out.join("split.json"))?;
    let stages = train_stages(&request, &data, device, observer)?;
    let run = TrainedRun::open(&request.out, device)?;
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
    if request.fit_intensity && request.data.is_some() {
        fit_intensity(&mut request.config, &data.cases, observer)?;
    }
    request.config.validate()
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
