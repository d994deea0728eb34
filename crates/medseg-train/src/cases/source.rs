//! The prepared cases of one stage and one role, cached within a budget.

use std::sync::Arc;

use medseg_data::{CachedDataset, Case, rng_for};

use super::prepare::prepare;
use super::{Prepared, TrainingStep};
use crate::TrainError;
use crate::config::{DataConfig, StageConfig};

/// What the cases are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Padded to the crop's size and indexed for sampling.
    Training,
    /// As the sliding window takes them.
    Validation,
}

/// Cases in a fixed order, each prepared once as far as memory allows.
pub(crate) struct CaseSource {
    stage: StageConfig,
    cache: CachedDataset<Prepared>,
}

impl CaseSource {
    /// Prepares nothing yet; `budget` is the memory for prepared cases in bytes.
    pub fn new(cases: Vec<Case>, data: &DataConfig, stage: &StageConfig, role: Role, budget: usize) -> Arc<Self> {
        let (data, settings) = (data.clone(), stage.clone());
        let load = move |case: &Case| prepare(case, &data, &settings, role);
        let cache = CachedDataset::new(cases, budget, load, Prepared::bytes);
        Arc::new(Self { stage: stage.clone(), cache })
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.cache.len()
    }

    /// A case's name.
    pub fn id(&self, index: usize) -> &str {
        &self.cache.cases()[index].id
    }

    /// A prepared case.
    pub fn get(&self, index: usize) -> Result<Arc<Prepared>, TrainError> {
        Ok(self.cache.get(index)?)
    }

    /// One step's crops (or the whole image) of a case in an epoch; the same for the same seed, epoch and case.
    pub fn training_step(&self, seed: u64, epoch: u32, index: usize) -> Result<TrainingStep, TrainError> {
        let prepared = self.get(index)?;
        let mut rng = rng_for(seed, epoch, index as u32);
        TrainingStep::draw(self.id(index), &prepared, &self.stage, &mut rng).map_err(|e| e.in_case(self.id(index)))
    }
}
