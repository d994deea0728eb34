//! The training cases of one stage and one role, cached within a budget.

use std::sync::Arc;

use medseg_data::{CachedDataset, Case, rng_for};

use super::cache_key::PreparationKey;
use super::training_case::Outcome;
use super::{Batch, Preparation, Role, Samples, TrainingCase};
use crate::TrainError;
use crate::config::StageConfig;

/// Cases in a fixed order, each prepared once as far as memory allows.
pub(crate) struct CaseSource {
    stage: StageConfig,
    cache: CachedDataset<Outcome>,
}

impl CaseSource {
    /// Prepares nothing yet; `budget` is the memory for prepared cases in bytes.
    pub fn new(
        cases: Vec<Case>,
        samples: &Arc<Samples>,
        preparation: &Preparation,
        role: Role,
        budget: usize,
    ) -> Arc<Self> {
        let (stage, disk) = (preparation.stage.clone(), preparation.disk.clone());
        let key = PreparationKey::new(preparation, role);
        let (samples, preparation) = (Arc::clone(samples), preparation.clone());
        let load =
            move |case: &Case| TrainingCase::prepare(case, &samples, &preparation, role).map_err(TrainError::boxed);
        let cache = CachedDataset::new(cases, budget, load, Outcome::bytes);
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
    pub fn get(&self, index: usize) -> Result<Arc<Outcome>, TrainError> {
        Ok(self.cache.get(index)?)
    }

    /// One step's crops (or the whole image) of a case in an epoch, `None` if the case is left out, with its warning; the
    /// same for the same seed, epoch and case.
    pub fn batch(&self, seed: u64, epoch: u32, index: usize) -> Result<(Option<Batch>, Option<String>), TrainError> {
        let outcome = self.get(index)?;
        let (case, warning) = outcome.parts();
        let mut rng = rng_for(seed, epoch, index as u32);
        let draw = |case| Batch::draw(self.id(index), case, &self.stage, &mut rng);
        let batch = case.map(draw).transpose().map_err(|e| e.in_case(self.id(index)))?;
        Ok((batch, warning.map(ToString::to_string)))
    }
}
