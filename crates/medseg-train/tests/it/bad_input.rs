//! Bad input: one sentence that names the file, nothing half-written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Listener, request, run, tiny, write_cases};
use burn::tensor::Device;
use medseg_train::{Experiment, ExperimentConfig, TrainError, TrainedRun};
use medseg_volume::{error_chain, read_label, write_label};
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

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn label(&self, case: usize) -> PathBuf {
        self.data().join(format!("label/phantom_{case:03}.nii.gz"))
    }

    /// The error of a run on these cases, which is one line.
    fn error(&self) -> TrainError {
        let error = run(&request(tiny(Experiment::TwoStage), &self.data(), &self.out())).unwrap_err();
        assert!(!error_chain(&error).contains('\n'), "{error}");
        error
    }

    fn error_naming(&self, what: &Path) -> TrainError {
        let error = self.error();
        assert!(error_chain(&error).contains(what.to_str().unwrap()), "{error} does not name {}", what.display());
        error
    }
}

#[test]
fn missing_and_empty_folders() {
    let folder = Folder { dir: tempfile::tempdir().unwrap() };
    folder.error_naming(&folder.data());
    fs::create_dir_all(folder.data()).unwrap();
    folder.error_naming(&folder.data());
    fs::create_dir_all(folder.data().join("image")).unwrap();
    folder.error_naming(&folder.data().join("label"));
    fs::create_dir_all(folder.data().join("label")).unwrap();
    folder.error_naming(&folder.data().join("image"));
    assert!(!folder.out().exists());
}

#[test]
fn a_missing_partner() {
    let folder = Folder::with_cases();
    fs::remove_file(folder.label(2)).unwrap();
    folder.error_naming(&folder.data().join("image/phantom_002.nii.gz"));
    assert!(!folder.out().exists());
}

#[test]
fn a_truncated_image_or_label() {
    for kind in ["image", "label"] {
        let folder = Folder::with_cases();
        let path = folder.data().join(kind).join("phantom_001.nii.gz");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 3 / 5]).unwrap();
        let error = folder.error_naming(&path);
        assert!(!error.is_usage());
        assert!(!folder.out().join("report.html").exists());
    }
}

#[test]
fn a_label_of_another_shape() {
    let folder = Folder::with_cases();
    let mut label = read_label(folder.label(3)).unwrap();
    label.data = Array3::ones((3, 4, 5));
    write_label(folder.label(3), &label).unwrap();
    folder.error_naming(&folder.label(3));
    assert!(!folder.out().exists());
}

#[test]
fn a_label_without_foreground_is_named_and_the_run_goes_on() {
    for case in [1, 4, 5] {
        let folder = Folder::with_cases();
        let mut label = read_label(folder.label(case)).unwrap();
        label.data.fill(0);
        write_label(folder.label(case), &label).unwrap();
        let mut listener = Listener::default();
        let request = request(tiny(Experiment::TwoStage), &folder.data(), &folder.out());
        let summary = crate::support::finished(&request, &mut listener);
        let name = folder.label(case).display().to_string();
        assert!(listener.warnings.iter().any(|w| w.contains(&name)), "{:?}", listener.warnings);
        assert_eq!(summary.stages["fine"].cases_without_reference, usize::from(case == 5));
        assert_eq!(summary.stages["fine"].dice_mean.is_none(), case == 5);
    }
}

#[test]
fn labels_that_occur_nowhere_are_a_usage_error() {
    let folder = Folder::with_cases();
    let mut config = tiny(Experiment::OneStage);
    config.data.labels = vec![7];
    let error = run(&request(config, &folder.data(), &folder.out())).unwrap_err();
    assert!(error.is_usage() && error_chain(&error).contains("[7]"), "{error}");
    assert!(!folder.out().exists());
}

#[test]
fn an_unwritable_output() {
    let folder = Folder::with_cases();
    fs::write(folder.out(), b"a file where the folder should be").unwrap();
    assert!(!folder.error_naming(&folder.out()).is_usage());
}

#[test]
fn too_few_cases_for_the_split() {
    let folder = Folder::with_cases();
    let mut config = tiny(Experiment::OneStage);
    config.data.split = medseg_data::SplitRule::two_stage_paper();
    let error = error_chain(&run(&request(config, &folder.data(), &folder.out())).unwrap_err());
    assert!(error.contains('6'), "{error}");
    assert!(!folder.out().exists());
}

#[test]
fn impossible_settings_are_named_before_anything_is_written() {
    let folder = Folder { dir: tempfile::tempdir().unwrap() };
    type Change = fn(&mut ExperimentConfig);
    let broken: [(&str, Change); 21] = [
        ("epochs", |c| c.fine.epochs = 0),
        ("overlap", |c| c.fine.window.overlap = medseg_volume::Dhw::splat(1.0)),
        ("lr", |c| c.fine.optimizer.lr = f64::NAN),
        ("size", |c| c.fine.size.d = 0),
        ("channels", |c| c.fine.network.as_unet_mut().unwrap().channels.clear()),
        ("deep_supervision", |c| {
            c.fine.network.as_unet_mut().unwrap().deep_supervision = 1;
            c.fine.size = medseg_volume::Dhw::splat(18);
        }),
        ("loss", |c| {
            c.data.labels = vec![1, 2];
            c.fine.network.as_unet_mut().unwrap().out_channels = 3;
        }),
        ("labels", |c| {
            c.data.labels = vec![1, 2, 3];
            c.separate_classes();
            c.data.labels.pop();
        }),
        ("accumulate", |c| c.fine.gradient.accumulate = 0),
        ("schedule", |c| {
            c.fine.schedule = medseg_optim::ScheduleConfig::CosineWarmRestarts { t_0: 0, t_mult: 1, eta_min: 0.0 };
        }),
        ("orthogonality", |c| c.fine.orthogonality = -1.0),
        ("patience", |c| c.fine.early_stopping = Some(medseg_train::EarlyStopping { patience: 0 })),
        ("box_jitter", |c| c.fine.boxes = medseg_train::BoxSource::Jittered),
        ("coarse", |c| c.coarse = None),
        ("labels", |c| c.data.labels = vec![0]),
        ("intensity", |c| {
            c.data.preprocessing.intensity = medseg_transforms::Intensity::Window { low: 3.0, high: 3.0 };
        }),
        ("schema", |c| c.schema = 99),
        ("mask_channel", |c| c.cascade.mask_channel = true),
        ("in_channels", |c| c.fine.network.as_unet_mut().unwrap().in_channels = 2),
        ("in_channels", |c| c.coarse.as_mut().unwrap().network.as_unet_mut().unwrap().in_channels = 2),
        ("augmentation", |c| {
            c.set("cascade.mask_channel=true").unwrap();
            c.fine.augmentation = vec![medseg_transforms::FillHoles::default().into()];
        }),
    ];
    for (name, change) in broken {
        let mut config = tiny(Experiment::TwoStage);
        change(&mut config);
        let error = run(&request(config, &folder.data(), &folder.out())).unwrap_err();
        assert!(error.is_usage() && error_chain(&error).contains(name), "{name}: {error}");
    }
    assert!(!folder.out().exists());
}

#[test]
fn configuration_files_with_mistakes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("settings.toml");
    assert!(error_chain(&ExperimentConfig::read(&path).unwrap_err()).contains("settings.toml"));
    let config = tiny(Experiment::TwoStage);
    let text = toml::to_string(&config).unwrap();
    fs::write(&path, &text).unwrap();
    assert_eq!(ExperimentConfig::read(&path).unwrap(), config);
    for (what, text) in [
        ("typo", text.replace("validate_every", "validate_evry")),
        ("type", text.replace("epochs = 3", "epochs = \"three\"")),
        ("syntax", text.replace('=', ":")),
        ("empty", String::new()),
    ] {
        fs::write(&path, text).unwrap();
        let error = ExperimentConfig::read(&path).unwrap_err();
        assert!(error.is_usage() && error_chain(&error).contains("settings.toml"), "{what}: {error}");
    }
}

#[test]
fn a_mistake_in_an_edited_config_json_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    let settings = serde_json::to_value(tiny(Experiment::OneStage)).unwrap();
    for (text, name) in [
        (serde_json::json!({ "medseg": "0.1.0", "settings": settings }).to_string(), "validate_evry"),
        (settings.to_string(), "validate_evry"),
        ("{ \"settings\": ".into(), "EOF"),
    ] {
        fs::write(&path, text.replace("validate_every", "validate_evry")).unwrap();
        let error = ExperimentConfig::read(&path).unwrap_err();
        assert!(error.is_usage() && error_chain(&error).contains(name), "{error}");
    }
}

#[test]
fn a_folder_that_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    let error = error_chain(&TrainedRun::open(dir.path(), &Device::flex()).unwrap_err());
    assert!(error.contains("config.json") && error.contains(dir.path().to_str().unwrap()), "{error}");
    fs::write(dir.path().join("config.json"), "{").unwrap();
    let error = error_chain(&TrainedRun::open(dir.path(), &Device::flex()).unwrap_err());
    assert!(error.contains("config.json") && !error.contains('\n'), "{error}");
}
