//! The cases as the networks' grid shows them, shared by the stages.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use medseg_data::{CachedDataset, Case, CompactSample};
use medseg_transforms::{Sample, all_finite};
use medseg_volume::LabelChoice;
use ndarray::{ArrayRef, Dimension};

use crate::TrainError;
use crate::config::DataConfig;

/// Reads a labelled case and preprocesses it as prediction does. Label values
/// stay those of the file, without those that the settings do not name.
pub(super) fn read_sample(case: &Case, data: &DataConfig) -> Result<Sample, TrainError> {
    if case.label.is_none() {
        return Err(TrainError::Config(format!("case {} has no label to train or validate with", case.id)));
    }
    check_channels(case, data.channels)?;
    let sample = case.read_with(&LabelChoice::only_or_foreground(&data.labels))?;
    check_finite(&sample.image, &case.image)?;
    Ok(data.preprocessing.apply_to_sample(sample, data.label_interpolation))
}

/// Refuses an image of other channels than the settings say.
pub(crate) fn check_channels(case: &Case, expected: usize) -> Result<(), TrainError> {
    let found = case.channel_count()?;
    if found == expected {
        return Ok(());
    }
    let id = &case.id;
    Err(TrainError::Config(format!("case {id} has {found} channel(s), and data.channels is {expected}")))
}

/// Refuses an image that holds NaN or infinite voxels.
pub(crate) fn check_finite<D: Dimension>(image: &ArrayRef<f32, D>, path: &Path) -> Result<(), TrainError> {
    // Most images have none, and a sum over all voxels is not needed then.
    if all_finite(image) {
        return Ok(());
    }
    let voxels = image.iter().filter(|v| !v.is_finite()).count();
    Err(TrainError::NotFinite { path: path.to_path_buf(), voxels })
}

/// Every case of a run, read once as far as a budget allows.
pub(crate) struct Samples {
    data: DataConfig,
    index: HashMap<String, usize>,
    /// None where nothing may be kept.
    cache: Option<CachedDataset<CompactSample>>,
}

impl Samples {
    /// Reads nothing yet; `budget` is in bytes.
    pub fn new(cases: Vec<Case>, data: &DataConfig, budget: usize) -> Arc<Self> {
        let index = cases.iter().enumerate().map(|(at, case)| (case.id.clone(), at)).collect();
        let settings = data.clone();
        let load = move |case: &Case| match read_sample(case, &settings) {
            Ok(sample) => Ok(CompactSample::new(&sample)),
            Err(error) => Err(error.boxed()),
        };
        let cache = (budget > 0).then(|| CachedDataset::new(cases, budget, load, CompactSample::bytes));
        Arc::new(Self { data: data.clone(), index, cache })
    }

    /// A case's image and label.
    pub fn get(&self, case: &Case) -> Result<Sample, TrainError> {
        let Some(at) = self.index.get(&case.id) else {
            return Err(TrainError::Config(format!("case {} is none of this run's", case.id)));
        };
        match &self.cache {
            Some(cache) => Ok(cache.get(*at)?.to_sample()),
            None => read_sample(case, &self.data),
        }
    }
}
