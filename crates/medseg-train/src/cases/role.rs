//! Everything that decides how a stage's cases are prepared.

use std::collections::HashMap;
use std::sync::Arc;

use medseg_data::DiskCache;
use medseg_transforms::BoxDhw;
use serde::Serialize;

use super::CoarseMask;
use crate::config::{DataConfig, ExperimentConfig, StageConfig};

/// Use of a stage's cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Padded to the crop's size and indexed for sampling.
    Training,
    /// As the sliding window takes them.
    Validation,
}

/// Settings of a stage's preparation.
#[derive(Clone)]
pub(crate) struct Preparation {
    pub stage: StageConfig,
    pub data: DataConfig,
    /// Seed of the stage.
    pub seed: u64,
    /// The boxes that the coarse network found, where the stage takes those.
    pub boxes: Arc<HashMap<String, BoxDhw>>,
    /// The masks that the coarse network drew, where the stage's network gets them.
    pub masks: Arc<HashMap<String, CoarseMask>>,
    /// The folder in which prepared cases outlive the run.
    pub disk: Option<Arc<DiskCache>>,
}

impl Preparation {
    /// Of a stage of an experiment.
    pub fn new(config: &ExperimentConfig, stage: &StageConfig, seed: u64, boxes: HashMap<String, BoxDhw>) -> Self {
        Self {
            stage: stage.clone(),
            data: config.data.clone(),
            seed,
            boxes: Arc::new(boxes),
            masks: Arc::default(),
            disk: None,
        }
    }

    /// With the coarse network's masks.
    pub fn with_masks(self, masks: HashMap<String, CoarseMask>) -> Self {
        Self { masks: Arc::new(masks), ..self }
    }

    /// With a folder in which prepared cases outlive the run, if there is one.
    pub fn with_disk(self, disk: Option<Arc<DiskCache>>) -> Self {
        Self { disk, ..self }
    }
}
