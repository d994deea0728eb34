//! A tiny experiment that trains in seconds.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use medseg_data::SplitRule;
use medseg_optim::ScheduleConfig;
use medseg_phantom::PhantomConfig;
use medseg_report::RunSummary;
use medseg_train::{Experiment, ExperimentConfig, Observer, Preset, RunOutcome, RunRequest, Silent, TrainError};
use medseg_volume::Dhw;

/// Six coarse phantoms as `image/` and `label/`.
pub fn write_cases(folder: &Path) {
    let phantom = PhantomConfig { cases: 6, seed: 3, scale: 0.25, ..PhantomConfig::default() };
    phantom.write(folder, &mut |_, _| {}).unwrap();
}

/// Two or one stages of three epochs on four cases, one case to validate and one to test.
pub fn tiny(experiment: Experiment) -> ExperimentConfig {
    let mut config = Preset::Quick.config(experiment);
    config.data.split = SplitRule::FirstN { train: 4, validation: Some(1) };
    for stage in config.stages_mut() {
        stage.network.as_unet_mut().unwrap().channels = vec![2, 2, 4];
        stage.set_size(Dhw::splat(16));
        stage.epochs = 3;
        stage.schedule = ScheduleConfig::CosineWarmRestarts { t_0: 3, t_mult: 1, eta_min: 0.0 };
        stage.validate_every = 2;
    }
    config
}

/// A request for it.
pub fn request(config: ExperimentConfig, data: &Path, out: &Path) -> RunRequest {
    RunRequest::new(config, Some(data.to_path_buf()), out)
}

/// Runs it silently on the CPU, one run at a time.
pub fn run(request: &RunRequest) -> Result<RunOutcome, TrainError> {
    run_observed(request, &mut Silent)
}

/// The same with an observer.
pub fn run_observed(request: &RunRequest, observer: &mut dyn Observer) -> Result<RunOutcome, TrainError> {
    alone(|| medseg_train::run_experiment(request, &[Device::flex()], observer))
}

/// The summary of a run that finishes.
pub fn finished(request: &RunRequest, observer: &mut dyn Observer) -> RunSummary {
    run_observed(request, observer).unwrap().summary().unwrap().clone()
}

/// One run at a time: dropout draws from the device's generator, which a process shares.
pub fn alone<T>(run: impl FnOnce() -> T) -> T {
    static ONE_RUN: Mutex<()> = Mutex::new(());
    let _one = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    run()
}

/// A `history.csv` without its wall times.
pub fn history(stage_folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(stage_folder.join("history.csv")).unwrap();
    text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_string()).collect()
}

/// Keeps what the user would read.
#[derive(Default)]
pub struct Listener {
    pub messages: Vec<String>,
    pub warnings: Vec<String>,
    pub tasks: Vec<(String, usize)>,
}

impl Observer for Listener {
    fn message(&mut self, text: &str) {
        self.messages.push(text.into());
    }
    fn warn(&mut self, text: &str) {
        self.warnings.push(text.into());
    }
    fn begin(&mut self, task: &str, total: usize) {
        self.tasks.push((task.into(), total));
    }
    fn advance(&mut self, _done: usize, _note: &str) {}
    fn end(&mut self) {}
}
