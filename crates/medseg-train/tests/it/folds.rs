//! Cross-validation: every case once, resumed fold by fold, the networks together.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::Bundle;
use medseg_data::{Grouping, Split};
use medseg_report::{RunFolder, RunResults};
use medseg_train::{Experiment, Folds, RunOutcome, RunRequest, Silent, TrainError, run_folds};

use crate::support::{alone, tiny, write_cases};

const ALL: Folds = Folds { count: 3, only: None };

fn request(data: &Path, out: &Path) -> RunRequest {
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 1;
    RunRequest::new(config, Some(data.to_path_buf()), out)
}

fn run(request: &RunRequest, folds: Folds) -> Result<RunOutcome, TrainError> {
    alone(|| run_folds(request, folds, &[Device::flex()], &mut Silent))
}

fn ids(data: &Path) -> Vec<String> {
    medseg_data::discover(data).unwrap().into_iter().map(|case| case.id).collect()
}

#[test]
fn every_case_is_validated_once_and_the_bundle_has_all_networks() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    write_cases(&data);
    let (ids, request) = (ids(&data), request(&data, &out));
    // As jobs of an array, in any order; the last one puts them together.
    for fold in [2, 0] {
        let outcome = run(&request, Folds { only: Some(fold), ..ALL }).unwrap();
        assert_eq!(outcome, RunOutcome::Trained);
        assert!(!out.join("summary.json").exists());
    }
    let outcome = run(&request, Folds { only: Some(1), ..ALL }).unwrap();
    let summary = outcome.summary().unwrap().clone();
    let splits = (0..3).map(|fold| Split::read(out.join(format!("folds/{fold}/split.json"))).unwrap());
    let mut validated: Vec<String> = splits.flat_map(|split| split.validation).collect();
    validated.sort();
    assert_eq!(validated, ids);
    let stage = &summary.stages["one_stage"];
    assert_eq!(stage.cases, 6);
    let results = RunResults::read(&out).unwrap();
    let dice = results.scores.values("one_stage", None, results.scores.index("dice").unwrap());
    assert_eq!(dice.len(), 6);
    assert!((dice.iter().sum::<f64>() / 6.0 - stage.dice_mean.unwrap()).abs() < 1e-9);
    for id in &ids {
        assert!(RunFolder::new(&out).prediction(id).is_file() && RunFolder::new(&out).overlay(id).is_file(), "{id}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains(&ids[0]));
    let bundle = Bundle::open(out.join("bundle"), &Device::flex()).unwrap();
    assert_eq!(bundle.config().folds, 3);
    // Finished folds stay as they are when it is resumed.
    let weights = |fold: usize| {
        fs::metadata(out.join(format!("folds/{fold}/one_stage/best.safetensors"))).unwrap().modified().unwrap()
    };
    let before = [weights(0), weights(1), weights(2)];
    assert!(run(&RunRequest { resume: true, ..request.clone() }, ALL).unwrap().summary().is_some());
    assert_eq!(before, [weights(0), weights(1), weights(2)]);
    // One that is lost is trained anew, to the same bits.
    let lost = out.join("folds/1");
    let weights = fs::read(lost.join("one_stage/best.safetensors")).unwrap();
    fs::remove_dir_all(&lost).unwrap();
    run(&RunRequest { resume: true, ..request }, ALL).unwrap();
    assert!(fs::read(lost.join("one_stage/best.safetensors")).unwrap() == weights);
}

#[test]
fn groups_stay_together_and_impossible_folds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out) = (folder.path().join("data"), folder.path().join("out"));
    write_cases(&data);
    let mut request = request(&data, &out);
    for folds in [Folds { count: 1, only: None }, Folds { count: 3, only: Some(3) }, Folds { count: 50, only: None }] {
        let error = run(&request, folds).unwrap_err();
        assert!(error.to_string().contains("fold"), "{error}");
    }
    let error = run(&RunRequest { data: None, ..request.clone() }, ALL).unwrap_err();
    assert!(error.is_usage(), "{error}");
    // One group for all cases cannot be dealt into folds.
    request.config.data.groups = Some(Grouping::Pattern("^[a-z]".into()));
    let error = run(&request, Folds { count: 2, only: None }).unwrap_err();
    assert!(error.to_string().contains("fold"), "{error}");
}
