//! The options of the training loop, each seen to do what it says.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Listener, finished, history, request, run, tiny, write_cases};
use burn::tensor::Device;
use medseg_bundle::{Bundle, NoProgress};
use medseg_losses::DiceCrossEntropyLossConfig;
use medseg_optim::{EmaConfig, Polynomial, ScheduleConfig};
use medseg_train::{
    AdamWConfig, BoxSource, Cleaning, Clip, DiskCacheConfig, EarlyStopping, Experiment, ExperimentConfig, Fit,
    LossConfig, OptimizerRule, Part, RunOutcome, RunRequest, ScheduleUnit, SgdConfig, Silent, run_experiment,
};
use medseg_transforms::nnunet_augmentation;
use medseg_volume::{error_chain, read_image, read_label, write_label};
use ndarray::Array3;

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn with_cases() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_cases(&dir.path().join("data"));
        Self { dir }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Runs a changed tiny one-stage experiment; returns its folder.
    fn run(&self, name: &str, change: impl FnOnce(&mut ExperimentConfig)) -> PathBuf {
        let out = self.dir.path().join(name);
        let mut config = tiny(Experiment::OneStage);
        change(&mut config);
        run(&request(config, &self.data(), &out)).unwrap();
        out
    }

    fn history(&self, name: &str, change: impl FnOnce(&mut ExperimentConfig)) -> Vec<String> {
        history(&self.run(name, change).join("one_stage"))
    }
}

/// Losses of a history.
fn losses(history: &[String]) -> Vec<f64> {
    history[1..].iter().map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
}

#[test]
fn every_option_changes_the_training_and_leaves_it_finite() {
    type Change = fn(&mut ExperimentConfig);
    let changes: [(&str, Change); 10] = [
        ("loss", |c| c.fine.loss = LossConfig::DiceCrossEntropy(DiceCrossEntropyLossConfig::default())),
        ("adamw", |c| c.fine.optimizer.rule = OptimizerRule::AdamW(AdamWConfig::default())),
        ("sgd", |c| c.fine.optimizer.rule = OptimizerRule::Sgd(SgdConfig::default())),
        ("schedule", |c| {
            c.fine.schedule = ScheduleConfig::Polynomial(Polynomial { total_epochs: 3, power: 0.9 });
        }),
        ("per step", |c| c.fine.schedule_unit = ScheduleUnit::Step),
        ("accumulate", |c| c.fine.gradient.accumulate = 2),
        ("clip", |c| c.fine.gradient.clip = Some(Clip::Value { max: 1e-4 })),
        ("orthogonality", |c| c.fine.orthogonality = 1e-3),
        ("deep supervision", |c| c.fine.network.as_unet_mut().unwrap().deep_supervision = 1),
        ("ema", |c| c.fine.ema = Some(EmaConfig::default())),
    ];
    let folder = Folder::with_cases();
    let plain = folder.history("plain", |_| {});
    for (name, change) in changes {
        let changed = folder.history(name, change);
        assert_ne!(changed, plain, "{name}");
        assert!(losses(&changed).iter().all(|l| l.is_finite()), "{name}: {changed:?}");
    }
}

#[test]
fn gradient_checkpointing_changes_the_memory_and_not_the_result() {
    let folder = Folder::with_cases();
    let plain = folder.history("plain", |_| {});
    assert_eq!(folder.history("checkpointing", |c| c.fine.gradient.checkpointing = true), plain);
}

#[test]
fn bf16_trains_about_alike() {
    let folder = Folder::with_cases();
    let single = losses(&folder.history("f32", |_| {}));
    let half = losses(&folder.history("bf16", |c| c.precision = medseg_unet::Precision::Bf16));
    assert!(single.iter().zip(&half).all(|(a, b)| (a - b).abs() < 0.02), "{single:?} {half:?}");
}

#[test]
fn early_stopping_ends_a_stage_and_stays_ended_when_resumed() {
    let folder = Folder::with_cases();
    let settings = |c: &mut ExperimentConfig| {
        c.fine.epochs = 12;
        // Too small a step to get anywhere: no epoch is better than the first validated one for long.
        c.fine.optimizer.lr = 1e-12;
        c.fine.network.as_unet_mut().unwrap().dropout = 0.0;
        c.fine.early_stopping = Some(EarlyStopping { patience: 3 });
    };
    let out = folder.run("stopped", settings);
    let epochs = history(&out.join("one_stage")).len() - 1;
    assert_eq!(epochs, 2 + 3, "first validated after epoch 2, then 3 without a better one");
    let mut config = tiny(Experiment::OneStage);
    settings(&mut config);
    let resumed = RunRequest { resume: true, ..request(config, &folder.data(), &out) };
    run(&resumed).unwrap();
    assert_eq!(history(&out.join("one_stage")).len() - 1, epochs);
}

#[test]
fn two_devices_and_one_give_the_same_bits() {
    let folder = Folder::with_cases();
    let results = [1, 2, 3].map(|devices| {
        let out = folder.dir.path().join(format!("{devices} devices"));
        let mut config = tiny(Experiment::OneStage);
        // Four cases: a step of three, then one of one.
        config.fine.gradient.accumulate = 3;
        let devices = vec![Device::flex(); devices];
        let request = request(config, &folder.data(), &out);
        crate::support::alone(|| run_experiment(&request, &devices, &mut Silent)).unwrap();
        (history(&out.join("one_stage")), fs::read(out.join("one_stage/best.safetensors")).unwrap())
    });
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn more_devices_than_cases_in_a_step_are_refused() {
    let folder = Folder::with_cases();
    let request = request(tiny(Experiment::OneStage), &folder.data(), &folder.dir.path().join("out"));
    let devices = vec![Device::flex(); 2];
    let error = run_experiment(&request, &devices, &mut Silent).unwrap_err();
    assert!(error.is_usage() && error_chain(&error).contains("one_stage.gradient.accumulate"), "{error}");
}

#[test]
fn a_learning_rate_beyond_all_bounds_is_stopped_and_the_checkpoint_kept() {
    let folder = Folder::with_cases();
    let out = folder.run("good", |_| {});
    let state = fs::read(out.join("one_stage/last/state.json")).unwrap();
    let mut config = tiny(Experiment::OneStage);
    config.fine.epochs = 5;
    config.fine.optimizer.lr = 1e38;
    let request = RunRequest { resume: true, force_config: true, ..request(config, &folder.data(), &out) };
    let error = error_chain(&run(&request).unwrap_err());
    assert!(error.contains("epoch 4") && error.contains("case") && error.contains("checkpoint is kept"), "{error}");
    assert!(fs::read(out.join("one_stage/last/state.json")).unwrap() == state);
}

/// Makes every label's foreground 3 and the air 7.
fn two_classes(data: &Path) {
    for case in 0..6 {
        let path = data.join(format!("label/phantom_{case:03}.nii.gz"));
        let mut label = read_label(&path).unwrap();
        let image = read_image(data.join(format!("image/phantom_{case:03}.nii.gz"))).unwrap();
        ndarray::Zip::from(&mut label.data).and(&image.data).for_each(|class, hu| {
            *class = if *class > 0 { 3 } else { 7 * u8::from(*hu < -500.0) };
        });
        write_label(&path, &label).unwrap();
    }
}

/// Dice of the voxels of one value.
fn dice_of(value: u8, a: &Array3<u8>, b: &Array3<u8>) -> f64 {
    let count = |mask: &Array3<u8>| mask.iter().filter(|v| **v == value).count();
    let both = a.iter().zip(b).filter(|(a, b)| **a == value && **b == value).count();
    2.0 * both as f64 / (count(a) + count(b)) as f64
}

#[test]
fn two_classes_are_trained_validated_predicted_and_measured() {
    let folder = Folder::with_cases();
    two_classes(&folder.data());
    for experiment in [Experiment::OneStage, Experiment::TwoStage] {
        let out = folder.dir.path().join(experiment.name());
        let mut config = tiny(experiment);
        config.data.labels = vec![7, 3];
        config.separate_classes();
        config.cleaning = Cleaning::ChosenByValidation;
        config.fine.optimizer.lr = 0.03;
        config.fine.epochs = 40;
        config.fine.schedule = ScheduleConfig::Polynomial(Polynomial { total_epochs: 40, power: 0.9 });
        config.fine.validate_every = 10;
        config.fine.network.as_unet_mut().unwrap().channels = vec![4, 8, 16];
        config.fine.network.as_unet_mut().unwrap().dropout = 0.0;
        let summary = finished(&request(config, &folder.data(), &out), &mut Silent);
        let stage = if experiment == Experiment::OneStage { "one_stage" } else { "fine" };
        let header = history(&out.join(stage))[0].clone();
        assert!(header.ends_with("validation_dice,dice_class_1,dice_class_2"), "{header}");
        let found = &summary.stages[stage];
        let classes: Vec<&str> = found.class_dice_mean.keys().map(String::as_str).collect();
        assert_eq!(classes, ["3", "7"]);
        assert_eq!(found.cases, 1, "the rows of the classes count as cases");
        let mean = found.class_dice_mean.values().sum::<f64>() / 2.0;
        assert!((found.dice_mean.unwrap() - mean).abs() < 1e-9);
        let metrics = fs::read_to_string(out.join("metrics.csv")).unwrap();
        assert!(metrics.contains(&format!("phantom_005,{stage},7,")) && metrics.contains(&format!(",{stage},3,")));
        let mask = read_label(out.join("predictions/phantom_005.nii.gz")).unwrap();
        assert!(mask.data.iter().all(|v| [0, 3, 7].contains(v)));
        let reference = read_label(folder.data().join("label/phantom_005.nii.gz")).unwrap();
        for value in [3, 7] {
            let dice = dice_of(value, &mask.data, &reference.data);
            assert!(dice > 0.05, "{experiment:?}: no {value} in the right place: {dice}");
            assert!((found.class_dice_mean[&value.to_string()] - dice).abs() < 1e-9, "{value}: {dice}");
        }
        let bundle = Bundle::open(out.join("bundle"), &Device::flex()).unwrap();
        assert_eq!(bundle.config().labels.keys().copied().collect::<Vec<_>>(), [3, 7]);
        let image = read_image(folder.data().join("image/phantom_005.nii.gz")).unwrap();
        assert_eq!(bundle.predict(&image, &mut NoProgress).unwrap().mask.data, mask.data);
        assert!(mean > 0.2, "{experiment:?} has learnt nothing: {found:?}");
        if experiment == Experiment::TwoStage {
            assert!(summary.stages["coarse"].class_dice_mean.is_empty());
        }
    }
}

#[test]
fn the_fine_stage_trains_on_boxes_of_every_kind() {
    let folder = Folder::with_cases();
    let histories = [BoxSource::Reference, BoxSource::Jittered, BoxSource::Predicted].map(|boxes| {
        let out = folder.dir.path().join(format!("{boxes:?}"));
        let mut config = tiny(Experiment::TwoStage);
        (config.fine.boxes, config.fine.box_jitter) = (boxes, usize::from(boxes == BoxSource::Jittered) * 4);
        run(&request(config, &folder.data(), &out)).unwrap();
        assert_eq!(out.join("fine/boxes.json").exists(), boxes == BoxSource::Predicted);
        history(&out.join("fine"))
    });
    assert!(histories[0] != histories[1] && histories[0] != histories[2] && histories[1] != histories[2]);
}

#[test]
fn the_fine_network_may_get_the_coarse_mask() {
    let folder = Folder::with_cases();
    let data = folder.data();
    let train = |name: &str, masked: bool, cached: bool| {
        let out = folder.dir.path().join(name);
        let mut config = tiny(Experiment::TwoStage);
        config.fine.augmentation = nnunet_augmentation().steps;
        config.data.disk_cache = cached.then(|| DiskCacheConfig::new(folder.dir.path().join("cache")));
        config.set(&format!("cascade.mask_channel={masked}")).unwrap();
        assert_eq!(config.fine.network.in_channels(), 1 + usize::from(masked));
        finished(&request(config, &data, &out), &mut Silent);
        out
    };
    let (plain, masked) = (train("plain", false, false), train("masked", true, false));
    assert!(history(&plain.join("coarse")) == history(&masked.join("coarse")));
    assert!(history(&plain.join("fine")) != history(&masked.join("fine")));
    for name in ["first", "second"] {
        assert_eq!(history(&train(name, true, true).join("fine")), history(&masked.join("fine")), "{name}");
    }
    let bundle = Bundle::open(masked.join("bundle"), &Device::flex()).unwrap();
    let image = read_image(data.join("image/phantom_005.nii.gz")).unwrap();
    let mask = read_label(masked.join("predictions/phantom_005.nii.gz")).unwrap();
    assert_eq!(bundle.predict(&image, &mut NoProgress).unwrap().mask.data, mask.data);
    let mut one_stage = tiny(Experiment::OneStage);
    one_stage.cascade.mask_channel = true;
    assert!(one_stage.validate().unwrap_err().to_string().contains("no coarse mask"));
}

#[test]
fn stages_one_at_a_time_give_the_run_at_once() {
    let folder = Folder::with_cases();
    let (whole, parts) = (folder.dir.path().join("whole"), folder.dir.path().join("parts"));
    let mut config = tiny(Experiment::TwoStage);
    config.fine.boxes = BoxSource::Predicted;
    run(&request(config.clone(), &folder.data(), &whole)).unwrap();
    let part = |part| RunRequest { part: Some(part), ..request(config.clone(), &folder.data(), &parts) };
    let early = error_chain(&run(&part(Part::Fine)).unwrap_err());
    assert!(early.contains("coarse"), "{early}");
    for (one, finished) in [(Part::Coarse, false), (Part::Fine, false), (Part::Predict, true)] {
        let outcome = run(&part(one)).unwrap();
        assert_eq!((outcome.summary().is_some(), outcome == RunOutcome::Trained), (finished, !finished));
        assert_eq!(parts.join("report.html").exists(), finished);
    }
    for file in
        ["coarse/best.safetensors", "fine/best.safetensors", "fine/boxes.json", "predictions/phantom_005.nii.gz"]
    {
        assert!(fs::read(parts.join(file)).unwrap() == fs::read(whole.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn bad_cases_are_named_and_left_out_where_the_settings_allow_it() {
    let folder = Folder::with_cases();
    let data = folder.data();
    // A truncated image and one with NaN train, an empty label trains too, and a held-out image is truncated.
    let truncate = |case: usize| {
        let path = data.join(format!("image/phantom_{case:03}.nii.gz"));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 3 / 5]).unwrap();
    };
    let nan = data.join("image/phantom_001.nii.gz");
    let mut image = read_image(&nan).unwrap();
    image.data[[0, 0, 0]] = f32::NAN;
    medseg_volume::write_image(&nan, &image).unwrap();
    let empty = data.join("label/phantom_002.nii.gz");
    let mut label = read_label(&empty).unwrap();
    label.data.fill(0);
    write_label(&empty, &label).unwrap();

    let out = folder.dir.path().join("stopped");
    let error = error_chain(&run(&request(tiny(Experiment::TwoStage), &data, &out)).unwrap_err());
    assert!(error.contains("phantom_001") && error.contains("not finite"), "{error}");
    truncate(0);
    truncate(5);

    let mut config = tiny(Experiment::TwoStage);
    config.data.on_bad_case = medseg_train::OnBadCase::Skip;
    config.data.on_empty_label = medseg_train::OnEmptyLabel::Skip;
    let mut listener = Listener::default();
    let request = request(config, &data, &folder.dir.path().join("skipped"));
    // What the quick preset does first: looking at the first cases, the cut one among them.
    let request = RunRequest { fit: Fit { intensity: true, components: true, ..Fit::default() }, ..request };
    let summary = finished(&request, &mut listener);
    for case in ["phantom_000", "phantom_001", "phantom_002", "phantom_005"] {
        assert!(listener.warnings.iter().any(|w| w.contains(case)), "{case}: {:?}", listener.warnings);
    }
    assert_eq!(summary.skipped_cases, ["phantom_005"]);
    assert_eq!(summary.stages["fine"].epochs, 3);

    let mut config = request.config.clone();
    config.data.on_empty_label = medseg_train::OnEmptyLabel::Stop;
    let error = error_chain(&run(&RunRequest { config, out: folder.dir.path().join("empty"), ..request }).unwrap_err());
    assert!(error.contains("phantom_002"), "{error}");
}

#[test]
fn a_run_may_resample_and_its_masks_come_back_to_the_files_grid() {
    let folder = Folder::with_cases();
    let mut config = tiny(Experiment::OneStage);
    let spacing = medseg_volume::Dhw { d: 8.0, h: 4.0, w: 4.0 };
    config.set("data.preprocessing.spacing_mm = [8.0, 4.0, 4.0]").unwrap();
    let out = folder.dir.path().join("resampled");
    run(&request(config, &folder.data(), &out)).unwrap();
    let bundle = medseg_bundle::Bundle::open(out.join("bundle"), &Device::flex()).unwrap();
    assert_eq!(bundle.config().preprocessing.spacing_mm, Some(spacing));
    let mask = read_label(out.join("predictions/phantom_005.nii.gz")).unwrap();
    let image = read_image(folder.data().join("image/phantom_005.nii.gz")).unwrap();
    assert_eq!((mask.shape(), &mask.geometry), (image.shape(), &image.geometry));
    let (networks, _) = bundle.config().preprocessing.grid(image.shape(), &image.geometry);
    assert_ne!(networks.voxels(), image.shape().voxels());
}

#[test]
fn a_second_run_takes_its_cases_from_the_disk_cache() {
    let folder = Folder::with_cases();
    let run_coarse = |name: &str, cached: bool| {
        let mut config = tiny(Experiment::TwoStage);
        config.data.disk_cache = cached.then(|| DiskCacheConfig::new(folder.dir.path().join("cache")));
        let out = folder.dir.path().join(name);
        let request = RunRequest { part: Some(Part::Coarse), ..request(config, &folder.data(), &out) };
        run(&request).map(|_| history(&out.join("coarse")))
    };
    let plain = run_coarse("plain", false).unwrap();
    assert_eq!(run_coarse("first", true).unwrap(), plain);
    let entries = || {
        let cache = folder.dir.path().join("cache");
        let items = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap());
        let items = items.filter(|item| item.path().extension().is_some_and(|ending| ending == "item"));
        items.map(|item| item.file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = entries();
    assert_eq!(run_coarse("second", true).unwrap(), plain);
    assert_eq!(entries(), before);
    // An entry that is damaged is made again.
    let damaged = folder.dir.path().join("cache").join(before.first().unwrap());
    fs::write(&damaged, "damaged").unwrap();
    assert_eq!(run_coarse("third", true).unwrap(), plain);
    assert!(fs::metadata(&damaged).unwrap().len() > 100);
}

#[test]
fn augmentation_changes_the_training_alike_for_any_number_of_workers_and_must_keep_the_crops_size() {
    let folder = Folder::with_cases();
    let plain = folder.history("plain", |_| {});
    let augmented = [1, 4].map(|workers| {
        folder.history(&workers.to_string(), |c| {
            c.data.workers = workers;
            c.fine.augmentation = nnunet_augmentation().steps;
        })
    });
    assert_eq!(augmented[0], augmented[1]);
    assert_ne!(augmented[0], plain);
    // The text of a file, and what makes no sense.
    let mut config = tiny(Experiment::OneStage);
    config.set("fine.augmentation = [{ transform = \"rand_flip\", p = 0.5, axes = [true, false, false] }]").unwrap();
    config.validate().unwrap();
    config.set("fine.augmentation = [{ transform = \"rand_flip\", p = 1.5, axes = [true, false, false] }]").unwrap();
    let error = error_chain(&config.validate().unwrap_err());
    assert!(error.contains(".augmentation: ") && error.contains("rand_flip"), "{error}");
    config.set("fine.augmentation = [{ transform = \"resize\", size = [8, 8, 8] }]").unwrap();
    let error = error_chain(&run(&request(config, &folder.data(), &folder.dir.path().join("resized"))).unwrap_err());
    assert!(error.contains("augmentation: it makes"), "{error}");
}
