//! Ranks that share the cases of a step give the bits of one process. The ranks are threads here; `clusters/mpi` tries
//! processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use medseg_data::SplitRule;
use medseg_optim::EmaConfig;
use medseg_train::{
    BoxSource, Cleaning, Clip, EpochProgress, Experiment, ExperimentConfig, Folds, InProcess, Observer, OnBadCase,
    Part, RunOutcome, RunRequest, TrainError, run_experiment, run_folds,
};
use medseg_unet::Norm;
use medseg_volume::error_chain;

use crate::support::{Listener, alone, history, request, run, run_observed, tiny, write_cases};

/// Runs a request on so many ranks, and gives their results and the first one's observer.
fn on_ranks<O: Observer + Default + Send>(
    ranks: usize,
    run: impl Fn(usize, Arc<InProcess>, &mut O) -> Result<RunOutcome, TrainError> + Sync,
) -> (Vec<std::thread::Result<Result<RunOutcome, TrainError>>>, Option<O>) {
    let run = &run;
    alone(|| {
        std::thread::scope(|scope| {
            let start = |(number, rank): (usize, InProcess)| {
                scope.spawn(move || {
                    let mut observer = O::default();
                    (run(number, Arc::new(rank), &mut observer), observer)
                })
            };
            let threads: Vec<_> = InProcess::ranks(ranks).into_iter().enumerate().map(start).collect();
            let mut first = None;
            let results = threads.into_iter().enumerate().map(|(number, thread)| {
                let (result, observer) = thread.join()?;
                first = if number == 0 { Some(observer) } else { first.take() };
                Ok(result)
            });
            let results: Vec<_> = results.collect();
            (results, first)
        })
    })
}

/// The same request on all ranks, which must succeed.
fn finished(request: &RunRequest, ranks: usize) -> Listener {
    let (results, listener) = on_ranks(ranks, |_, ranks, listener: &mut Listener| {
        run_experiment(&RunRequest { ranks, ..request.clone() }, &[Device::flex()], listener)
    });
    for (rank, result) in results.into_iter().enumerate() {
        let outcome = result.unwrap().unwrap();
        assert_eq!(outcome.summary().is_some(), rank == 0);
    }
    listener.unwrap()
}

/// All that training leaves, wall times apart.
fn result(out: &Path, stages: &[&str]) -> Vec<(Vec<u8>, Vec<String>)> {
    let of = |stage: &&str| {
        let folder = out.join(stage);
        (fs::read(folder.join("best.safetensors")).unwrap(), history(&folder))
    };
    stages.iter().map(of).collect()
}

/// Four cases train and two are validated.
fn config(experiment: Experiment) -> ExperimentConfig {
    let mut config = tiny(experiment);
    config.data.split = SplitRule::FirstN { train: 4, validation: Some(2) };
    config
}

#[test]
fn weights_and_history_do_not_depend_on_the_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    // A step of three cases and one of one; four at once; one at a time.
    for accumulate in [3, 4, 1] {
        let mut config = config(Experiment::OneStage);
        config.fine.gradient.accumulate = accumulate;
        config.fine.gradient.clip = Some(Clip::Norm { max: 0.1 });
        config.fine.ema = Some(EmaConfig::default());
        let out = |ranks: usize| folder.path().join(format!("{accumulate} of {ranks}"));
        run(&request(config.clone(), &data, &out(1))).unwrap();
        let one = result(&out(1), &["one_stage"]);
        for ranks in [2, 4] {
            finished(&request(config.clone(), &data, &out(ranks)), ranks);
            assert!(result(&out(ranks), &["one_stage"]) == one, "{accumulate} cases a step on {ranks} ranks");
            for file in ["predictions/phantom_005.nii.gz", "metrics.csv", "split.json"] {
                let [a, b] = [1, ranks].map(|ranks| fs::read(out(ranks).join(file)).unwrap());
                // The table has times.
                assert!(file.ends_with(".csv") || a == b, "{file}");
            }
        }
    }
}

/// Every file below a folder that a prediction leaves, by its name; tables without times.
fn predicted(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["predictions", "overlays", "bundle"] {
        for entry in fs::read_dir(out.join(folder)).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                let name = format!("{folder}/{}", entry.file_name().display());
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let table = fs::read_to_string(out.join("metrics.csv")).unwrap();
    let rows: String = table.lines().map(|row| row.rsplit_once(',').unwrap().0.to_owned() + "\n").collect();
    found.insert("metrics.csv".into(), rows.into_bytes());
    found
}

#[test]
fn held_out_cases_are_shared_by_the_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = tiny(Experiment::TwoStage);
    // One case trains, so that a rank has several to predict.
    config.data.split = SplitRule::FirstN { train: 1, validation: Some(5) };
    config.cleaning = Cleaning::ChosenByValidation;
    let out = |ranks: usize| folder.path().join(format!("{ranks}"));
    let mut alone = Listener::default();
    run_observed(&request(config.clone(), &data, &out(1)), &mut alone).unwrap();
    let one = predicted(&out(1));
    assert!(one.len() > 11 && one.keys().any(|name| name == "predictions/phantom_005.nii.gz"), "{:?}", one.keys());
    let tasks = |of: &Listener, name: &str| of.tasks.iter().find(|(task, _)| task == name).map(|(_, total)| *total);
    assert_eq!([tasks(&alone, "cleaning"), tasks(&alone, "prediction")], [Some(5), Some(5)]);
    for ranks in [2, 3] {
        let mut listener = finished(&request(config.clone(), &data, &out(ranks)), ranks);
        assert!(predicted(&out(ranks)) == one, "{ranks} ranks");
        let mine = Some(5_usize.div_ceil(ranks));
        assert_eq!([tasks(&listener, "cleaning"), tasks(&listener, "prediction")], [mine, mine]);
        listener.warnings.retain(|warning| !warning.contains("gradient.accumulate"));
        alone.warnings.sort();
        listener.warnings.sort();
        assert_eq!(listener.warnings, alone.warnings);
        // Predicted once more, without training.
        fs::remove_dir_all(out(ranks).join("predictions")).unwrap();
        let again = RunRequest { part: Some(Part::Predict), ..request(config.clone(), &data, &out(ranks)) };
        finished(&again, ranks);
        assert!(predicted(&out(ranks)) == one, "{ranks} ranks, again");
    }
}

#[test]
fn several_cases_at_once_on_a_rank_and_two_stages_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = config(Experiment::TwoStage);
    config.fine.boxes = BoxSource::Predicted;
    config.set("cascade.mask_channel=true").unwrap();
    for stage in config.stages_mut() {
        stage.gradient.accumulate = 4;
        stage.network.as_unet_mut().unwrap().dropout = 0.0;
    }
    let out = |name: &str| folder.path().join(name);
    run(&request(config.clone(), &data, &out("one"))).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(|| finished(&request(config.clone(), &data, &out("two")), 2));
    let stages = ["coarse", "fine"];
    assert!(result(&out("one"), &stages) == result(&out("two"), &stages));
    assert_eq!(
        fs::read(out("one").join("fine/boxes.json")).unwrap(),
        fs::read(out("two").join("fine/boxes.json")).unwrap()
    );
}

#[test]
fn a_case_that_one_rank_cannot_read_is_left_out_by_all_and_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    for image in ["image/phantom_001.nii.gz", "image/phantom_005.nii.gz"] {
        let bytes = fs::read(data.join(image)).unwrap();
        fs::write(data.join(image), &bytes[..bytes.len() * 3 / 5]).unwrap();
    }
    let mut config = config(Experiment::OneStage);
    config.data.on_bad_case = OnBadCase::Skip;
    config.fine.gradient.accumulate = 2;
    let mut alone = Listener::default();
    let out = |ranks: usize| folder.path().join(format!("{ranks}"));
    run_observed(&request(config.clone(), &data, &out(1)), &mut alone).unwrap();
    assert!(alone.warnings.iter().any(|w| w.contains("phantom_001")), "{:?}", alone.warnings);
    for ranks in [2, 4] {
        let mut listener = finished(&request(config.clone(), &data, &out(ranks)), ranks);
        listener.warnings.retain(|warning| !warning.contains("gradient.accumulate"));
        assert_eq!(listener.warnings, alone.warnings);
        assert!(result(&out(ranks), &["one_stage"]) == result(&out(1), &["one_stage"]), "{ranks} ranks");
    }
}

#[test]
fn an_error_on_one_rank_ends_all() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = config(Experiment::OneStage);
    config.fine.gradient.accumulate = 4;
    let request = request(config, &data, &folder.path().join("out"));
    let (results, _) = on_ranks(3, |rank, ranks, listener: &mut Listener| {
        let mut request = RunRequest { ranks, ..request.clone() };
        if rank == 1 {
            request.data = Some("nowhere".into());
        }
        run_experiment(&request, &[Device::flex()], listener)
    });
    let errors: Vec<String> = results.into_iter().map(|r| error_chain(&r.unwrap().unwrap_err())).collect();
    assert!(errors[1].contains("nowhere"), "{errors:?}");
    for rank in [0, 2] {
        assert!(errors[rank].contains("has ended"), "{errors:?}");
    }
}

/// Panics after the first epoch, as a process that is killed says nothing more.
#[derive(Default)]
struct Killed;

impl Observer for Killed {
    fn message(&mut self, _text: &str) {}
    fn warn(&mut self, _text: &str) {}
    fn begin(&mut self, _task: &str, _total: usize) {}
    fn advance(&mut self, _done: usize, _note: &str) {}
    fn end(&mut self) {}
    fn epoch(&mut self, progress: &EpochProgress<'_>) {
        assert!(progress.done < 2, "killed");
    }
}

#[test]
fn a_killed_rank_ends_the_job_and_a_resumed_one_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = config(Experiment::OneStage);
    config.fine.gradient.accumulate = 2;
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    run(&request(config.clone(), &data, &whole)).unwrap();
    let start = request(config, &data, &killed);
    let (mut results, _) = on_ranks(2, |_, ranks, observer: &mut Killed| {
        run_experiment(&RunRequest { ranks, ..start.clone() }, &[Device::flex()], observer)
    });
    let other = error_chain(&results.pop().unwrap().unwrap().unwrap_err());
    assert!(results[0].is_err() && other.contains("rank 0 has ended"), "{other}");
    finished(&RunRequest { resume: true, ..start }, 4);
    assert!(result(&killed, &["one_stage"]) == result(&whole, &["one_stage"]));
}

#[test]
fn folds_are_trained_by_all_ranks_and_gathered_by_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    write_cases(&data);
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 1;
    config.fine.gradient.accumulate = 2;
    let folds = Folds { count: 2, only: None };
    let out = |name: &str| folder.path().join(name);
    let alone_request = request(config, &data, &out("alone"));
    let summary = alone(|| run_folds(&alone_request, folds, &[Device::flex()], &mut Listener::default())).unwrap();
    let (mut results, _) = on_ranks(2, |_, ranks, listener: &mut Listener| {
        let request = RunRequest { ranks, out: out("ranks"), ..alone_request.clone() };
        run_folds(&request, folds, &[Device::flex()], listener)
    });
    assert_eq!(results.pop().unwrap().unwrap().unwrap(), RunOutcome::Trained);
    let dice = |outcome: &RunOutcome| outcome.summary().unwrap().stages["one_stage"].dice_mean;
    assert_eq!(dice(&results.pop().unwrap().unwrap().unwrap()), dice(&summary));
}

#[test]
fn batch_norms_are_refused_on_several_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Experiment::OneStage);
    config.fine.network.as_unet_mut().unwrap().norm = Norm::Batch { momentum: 0.1 };
    let request = request(config, folder.path(), &folder.path().join("out"));
    let (results, _) = on_ranks(2, |_, ranks, listener: &mut Listener| {
        run_experiment(&RunRequest { ranks, ..request.clone() }, &[Device::flex()], listener)
    });
    for result in results {
        let error = result.unwrap().unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("batch norm"), "{error}");
    }
}
