//! Whole plans of small data.

use std::path::Path;

use burn::tensor::Device;
use medseg_phantom::PhantomConfig;
use medseg_plan::{PLAN_FILE, PLAN_PAGE, Plan, PlanError, PlanOptions};
use medseg_train::{Experiment, ExperimentConfig, RunRequest, Silent, run_experiment};
use medseg_transforms::Intensity;

fn phantoms(folder: &Path) {
    let phantom = PhantomConfig { cases: 4, seed: 3, scale: 0.25, ..PhantomConfig::default() };
    phantom.write(folder, &mut |_, _| {}).unwrap();
}

fn make(options: &PlanOptions, experiment: Option<Experiment>) -> Result<Plan, PlanError> {
    Plan::make(options, experiment, &[Device::flex()], &mut Silent)
}

#[test]
fn a_plan_is_written_read_and_run_within_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("plan"));
    phantoms(&data);
    let options = PlanOptions { seconds: 25.0, labels: vec![1, 2], ..PlanOptions::new(&data) };
    let plan = make(&options, Some(Experiment::OneStage)).unwrap();
    assert!(matches!(plan.config.data.preprocessing.intensity, Intensity::Window { low, high } if low < high));
    assert_eq!((plan.config.fine.classes(), plan.config.data.labels.clone()), (2, vec![1, 2]));
    plan.write(&out).unwrap();
    assert_eq!(ExperimentConfig::read(&out.join(PLAN_FILE)).unwrap(), plan.config);
    let text = std::fs::read_to_string(out.join(PLAN_FILE)).unwrap();
    let page = std::fs::read_to_string(out.join(PLAN_PAGE)).unwrap();
    for decision in &plan.decisions {
        assert!(text.contains(&decision.reason) && page.contains(&decision.setting), "{decision:?}");
    }
    assert!(page.contains("<svg") && page.contains("data:image/png;base64,"));
    let mut short = plan.config;
    short.fine.epochs = 1;
    let outcome = run_experiment(&RunRequest::new(short, Some(data), out), &[Device::flex()], &mut Silent).unwrap();
    assert!(outcome.summary().is_some());
}

#[test]
fn a_longer_time_has_more_epochs_or_a_larger_patch() {
    let folder = tempfile::tempdir().unwrap();
    phantoms(folder.path());
    let work = |seconds: f64, processes: usize| {
        let options = PlanOptions { seconds, processes, ..PlanOptions::new(folder.path()) };
        let config = make(&options, Some(Experiment::TwoStage)).unwrap().config;
        assert!(config.stages().into_iter().all(|(_, stage)| stage.gradient.accumulate == processes));
        assert!(config.coarse.is_some());
        config.fine.epochs * config.fine.size.voxels()
    };
    assert!(work(3600.0, 1) > 10 * work(60.0, 3));
}

#[test]
fn times_and_memories_that_no_plan_keeps_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    phantoms(folder.path());
    let options = PlanOptions::new(folder.path());
    for (seconds, memory) in [(0.01, 8 << 30), (f64::NAN, 8 << 30), (-1.0, 8 << 30), (60.0, 1 << 20)] {
        let error = make(&PlanOptions { seconds, memory, ..options.clone() }, None).unwrap_err();
        assert!(matches!(error, PlanError::Budget(_)), "{error}");
    }
}
