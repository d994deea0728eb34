//! The prepared cases of one stage and one role, cached within a budget.

use std::collections::HashMap;
use std::sync::Arc;

use medseg_data::{CachedDataset, Case, DiskCache, rng_for};
use medseg_transforms::BoxDhw;
use serde::Serialize;

use super::images::Images;
use super::kept::KeptUnder;
use super::prepare::{no_foreground, prepare};
use super::{Prepared, TrainingStep};
use crate::TrainError;
use crate::config::{DataConfig, ExperimentConfig, OnBadCase, OnEmptyLabel, StageConfig};

/// What the cases are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// Padded to the crop's size and indexed for sampling.
    Training,
    /// As the sliding window takes them.
    Validation,
}

/// What the preparation of a stage's cases depends on.
#[derive(Clone)]
pub(crate) struct Settings {
    pub stage: StageConfig,
    pub data: DataConfig,
    /// Seed of the stage.
    pub seed: u64,
    /// The boxes that the coarse network found, where the stage takes those.
    pub boxes: Arc<HashMap<String, BoxDhw>>,
    /// Where prepared cases outlive the run.
    pub disk: Option<Arc<DiskCache>>,
}

impl Settings {
    /// Those of a stage of an experiment.
    pub fn of(config: &ExperimentConfig, stage: &StageConfig, seed: u64, boxes: HashMap<String, BoxDhw>) -> Self {
        Self { stage: stage.clone(), data: config.data.clone(), seed, boxes: Arc::new(boxes), disk: None }
    }
}

/// A case that can be used, with what the user should know about it, or why it is left out.
pub(crate) enum Item {
    Usable { prepared: Box<Prepared>, warning: Option<String> },
    LeftOut(String),
}

impl Item {
    /// The case, if it can be used, and the warning, if there is one.
    pub fn parts(&self) -> (Option<&Prepared>, Option<&str>) {
        match self {
            Self::Usable { prepared, warning } => (Some(prepared.as_ref()), warning.as_deref()),
            Self::LeftOut(why) => (None, Some(why)),
        }
    }

    fn bytes(&self) -> usize {
        self.parts().0.map_or(0, Prepared::bytes)
    }
}

/// Cases in a fixed order, each prepared once as far as memory allows.
pub(crate) struct CaseSource {
    stage: StageConfig,
    cache: CachedDataset<Item>,
}

impl CaseSource {
    /// Prepares nothing yet; `budget` is the memory for prepared cases in bytes.
    pub fn new(cases: Vec<Case>, images: &Arc<Images>, settings: &Settings, role: Role, budget: usize) -> Arc<Self> {
        let stage = settings.stage.clone();
        let (images, disk, key) = (Arc::clone(images), settings.disk.clone(), KeptUnder::new(settings, role));
        let settings = settings.clone();
        let load = move |case: &Case| item(case, &images, &settings, role);
        let cache = CachedDataset::new(cases, budget, load, Item::bytes);
        let cache = match disk {
            Some(disk) => cache.on_disk(disk, key),
            None => cache,
        };
        Arc::new(Self { stage, cache })
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// A case's name.
    pub fn id(&self, index: usize) -> &str {
        &self.cache.cases()[index].id
    }

    /// A prepared case, or why it is left out.
    pub fn get(&self, index: usize) -> Result<Arc<Item>, TrainError> {
        Ok(self.cache.get(index)?)
    }

    /// One step's crops (or the whole image) of a case in an epoch, `None` if the case is left out, with its warning; the
    /// same for the same seed, epoch and case.
    pub fn training_step(
        &self,
        seed: u64,
        epoch: u32,
        index: usize,
    ) -> Result<(Option<TrainingStep>, Option<String>), TrainError> {
        let item = self.get(index)?;
        let (prepared, warning) = item.parts();
        let mut rng = rng_for(seed, epoch, index as u32);
        let draw = |prepared| TrainingStep::draw(self.id(index), prepared, &self.stage, &mut rng);
        let step = prepared.map(draw).transpose().map_err(|e| e.in_case(self.id(index)))?;
        Ok((step, warning.map(ToString::to_string)))
    }
}

/// Prepares a case, or says why it is left out, where the settings allow that.
fn item(case: &Case, images: &Images, settings: &Settings, role: Role) -> Result<Item, TrainError> {
    let prepared = match prepare(case, images, settings, role) {
        Ok(prepared) => prepared,
        Err(e) if settings.data.on_bad_case == OnBadCase::Skip && !e.is_usage() => {
            return Ok(Item::LeftOut(format!("case {} is left out: {e}", case.id)));
        }
        Err(e) => return Err(e),
    };
    let warning = prepared.empty.then(|| no_foreground(case));
    match (warning, settings.data.on_empty_label) {
        (Some(warning), OnEmptyLabel::Skip) => Ok(Item::LeftOut(format!("{warning}; it is left out"))),
        (Some(_), OnEmptyLabel::Stop) => {
            Err(TrainError::EmptyLabel { path: case.label.clone().unwrap_or_else(|| case.image.clone()) })
        }
        (warning, _) => Ok(Item::Usable { prepared: Box::new(prepared), warning }),
    }
}
