#![doc = include_str!("../README.md")]

mod cases;
mod config;
mod error;
mod experiment;
mod files;
mod memory;
mod observer;
mod ranks;
mod recorder;
mod stage;

pub use config::{
    AdamWConfig, BestBy, BoxSource, Cleaning, Clip, CropSampling, DataConfig, DiskCacheConfig, EXPERIMENT_SCHEMA,
    EarlyStopping, Experiment, ExperimentConfig, GradientConfig, LossConfig, OnBadCase, OnEmptyLabel, OptimizerConfig,
    OptimizerRule, Preset, ScheduleUnit, SgdConfig, StageConfig, StageInput,
};
pub use error::TrainError;
pub use experiment::{
    Fit, Folds, Part, RunOutcome, RunRequest, TrainedRun, open_bundle, run_experiment, run_folds, time_stages,
};
pub use memory::{memory_bytes, peak_memory_bytes};
pub use observer::{EpochProgress, Observer, Silent, WindowProgress};
#[cfg(feature = "mpi")]
pub use ranks::Mpi;
pub use ranks::{Alone, InProcess, MOST_BYTES, Ranks, RanksError};
pub use stage::StageTiming;
