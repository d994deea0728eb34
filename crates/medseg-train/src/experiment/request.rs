//! The request for a run: settings, data, output folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::ExperimentConfig;
use crate::{Alone, Ranks};

/// A part of an experiment that is done by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Train the coarse stage of a two-stage experiment.
    Coarse,
    /// Train the fine stage, or the only one.
    Fine,
    /// Predict the held-out cases with the best weights of every stage, and report.
    Predict,
}

/// Settings that are fitted to the data before a run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fit {
    /// Replace every stage's epochs by as many as make a short run on this number of cases.
    pub epochs: bool,
    /// Replace every stage's schedule by one cosine over its epochs.
    pub schedule: bool,
    /// Shrink crops and windows to the data's typical size.
    pub size: bool,
    /// Keep several components of a mask where the training labels have several.
    pub components: bool,
    /// Give the networks as many channels as the images have.
    pub channels: bool,
    /// Choose between CT window and z-score by a look at the data.
    pub intensity: bool,
}

/// One run of an experiment.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The settings.
    pub config: ExperimentConfig,
    /// Folder of the cases; `None` takes that of the settings, or makes a phantom set under the output folder.
    pub data: Option<PathBuf>,
    /// The output folder.
    pub out: PathBuf,
    /// The device's name, for messages and `config.json`.
    pub device_name: String,
    /// Go on from the last checkpoints in the output folder.
    pub resume: bool,
    /// Go on even if settings have changed since; the changes are reported as warnings.
    pub force_config: bool,
    /// The part of the experiment to do; all of it if not given.
    pub part: Option<Part>,
    /// Say what would be done, and stop.
    pub dry_run: bool,
    /// Write TensorBoard event files, one a stage, under `tensorboard/` in the output folder.
    pub tensorboard: bool,
    /// The settings that are fitted to the data; none by default.
    pub fit: Fit,
    /// The processes that share the cases of every training step and validation; each runs this request. [`Alone`] by
    /// default.
    pub ranks: Arc<dyn Ranks>,
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
            force_config: false,
            part: None,
            dry_run: false,
            tensorboard: false,
            fit: Fit::default(),
            ranks: Arc::new(Alone),
        }
    }

    /// The folder of the cases: the request's, or that of the settings; `None` for the phantom set.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.data.as_deref().or(self.config.data.folder.as_deref())
    }

    /// True if what lies in the output folder belongs to this run: it is resumed, or a later part is done.
    pub(crate) fn continues(&self) -> bool {
        self.resume || matches!(self.part, Some(Part::Fine | Part::Predict))
    }
}
