//! Experiments in 3D medical image segmentation that one can trust, stop and go on with.
//!
//! [`run_experiment`] takes an [`ExperimentConfig`] and a folder of NIfTI image/label pairs (or makes a synthetic set),
//! trains one or two stages, predicts the held-out cases and leaves masks, overlays, tables and a self-contained
//! `report.html`. [`TrainedRun`] and [`open_bundle`] apply the result to a new image.
//!
//! ```
//! use medseg_train::{Experiment, ExperimentConfig, Preset};
//!
//! let mut config: ExperimentConfig = Preset::Reference.config(Experiment::TwoStage);
//! assert_eq!(config.fine.network.channels, [16, 32, 64, 128, 256]);
//! config.fine.epochs = 0;
//! assert_eq!(config.validate().unwrap_err().to_string(), "configuration: fine.epochs must be at least 1");
//! ```
//!
//! # A run's folder
//! | file | what |
//! |---|---|
//! | `config.json`, `split.json` | settings, versions, device and seed; which case did what |
//! | `<stage>/history.csv`, `history.jsonl` | every epoch's learning rate, loss, validation Dice and time |
//! | `<stage>/curves.svg`, `curves.png` | the same as a chart |
//! | `tensorboard/<stage>/` | the same as TensorBoard event files, if asked for |
//! | `<stage>/best.safetensors` | weights of the best epoch, with their configuration |
//! | `<stage>/last/`, `previous/` | network, optimiser and state after the last two epochs, with checksums |
//! | `bundle/` | networks, preprocessing and post-processing in one folder, for [`medseg_bundle`] and the example `predict` |
//! | `predictions/<case>.nii.gz`, `overlays/<case>.png` | masks with the input's geometry, and pictures of them |
//! | `metrics.csv`, `summary.json` | per case and stage, and per stage |
//! | `warnings.txt` | what the user was warned of, if anything |
//! | `report.html` | all of it for people, on one self-contained page; [`medseg_report::write_report`] makes it again |
//!
//! # Determinism and resuming
//! Crops, shuffles, dropout and initial weights depend on the seed, the epoch and the case alone, so neither the number
//! of loader threads nor an interruption changes anything: a killed and resumed run writes the `history.csv` of an
//! uninterrupted one, wall times apart.

mod cases;
mod config;
mod error;
mod experiment;
mod files;
mod memory;
mod observer;
mod recorder;
mod stage;

pub use config::{
    AdamWConfig, BestBy, BoxSource, Clip, CropSampling, DataConfig, DiskCacheConfig, EarlyStopping, Experiment,
    ExperimentConfig, GradientConfig, LossConfig, OnBadCase, OnEmptyLabel, OptimizerConfig, OptimizerRule, Preset,
    SCHEMA, ScheduleUnit, SgdConfig, StageConfig, StageInput,
};
pub use error::TrainError;
pub use experiment::{Fit, Part, RunOutcome, RunRequest, TrainedRun, open_bundle, run_experiment};
pub use memory::{memory_bytes, peak_memory_bytes};
pub use observer::{EpochProgress, Observer, Silent, WindowProgress};
