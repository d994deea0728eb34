//! What is asked for: settings, data, output folder.

use std::path::PathBuf;

use crate::config::ExperimentConfig;

/// One run of an experiment.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The settings.
    pub config: ExperimentConfig,
    /// Folder of the cases; `None` makes a phantom set under the output folder.
    pub data: Option<PathBuf>,
    /// The output folder.
    pub out: PathBuf,
    /// The device's name, for messages and `config.json`.
    pub device_name: String,
    /// Go on from the last checkpoints in the output folder.
    pub resume: bool,
    /// Say what would be done, and stop.
    pub dry_run: bool,
    /// Replace every stage's epochs by as many as make a short run on this number of cases.
    pub fit_epochs: bool,
    /// Shrink crops and windows to the data's typical size.
    pub fit_size: bool,
    /// Keep several components of a mask where the training labels have several.
    pub fit_components: bool,
    /// Choose between CT window and z-score by a look at the data.
    pub fit_intensity: bool,
}

impl RunRequest {
    /// A fresh run of exactly these settings, nothing fitted to the data.
    #[must_use]
    pub fn new(config: ExperimentConfig, data: Option<PathBuf>, out: impl Into<PathBuf>) -> Self {
        Self {
            config,
            data,
            out: out.into(),
            device_name: "cpu".into(),
            resume: false,
            dry_run: false,
            fit_epochs: false,
            fit_size: false,
            fit_components: false,
            fit_intensity: false,
        }
    }
}
