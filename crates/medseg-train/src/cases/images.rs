//! The cases' images and labels as read, shared by the stages.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use medseg_data::{CachedDataset, Case};
use medseg_volume::{Dhw, Volume, read_image, read_label};
use ndarray::Array3;

use crate::TrainError;
use crate::config::DataConfig;

/// A case as read: axes turned and intensities changed as the settings want them.
pub(crate) struct ReadCase {
    /// Intensities as the networks expect them.
    pub image: Array3<f32>,
    /// The file's label values.
    pub label: Array3<u8>,
    /// Voxel size in mm.
    pub spacing: Dhw<f64>,
}

impl ReadCase {
    fn read(case: &Case, data: &DataConfig) -> Result<Self, TrainError> {
        let Some(label) = &case.label else {
            return Err(TrainError::Config(format!("case {} has no label to train or validate with", case.id)));
        };
        let (image, label) = (read_image(&case.image)?, read_label(label)?);
        check_finite(&image, &case.image)?;
        // The label lies on the image's grid, which its own header may give with another rounding.
        let label = data.preprocessing.apply_label(image.with_data(label.data), data.label_interpolation);
        let image = data.preprocessing.apply(image);
        Ok(Self { spacing: image.geometry.spacing(), image: image.data, label: label.data })
    }

    fn bytes(&self) -> usize {
        self.image.len() * 4 + self.label.len()
    }
}

/// Refuses an image that holds NaN or infinite voxels.
pub(crate) fn check_finite(image: &Volume<f32>, path: &Path) -> Result<(), TrainError> {
    match image.data.iter().filter(|v| !v.is_finite()).count() {
        0 => Ok(()),
        voxels => Err(TrainError::NotFinite { path: path.to_path_buf(), voxels }),
    }
}

/// Every case of a run, read once as far as a budget allows.
pub(crate) struct Images {
    cache: CachedDataset<ReadCase>,
    index: HashMap<String, usize>,
}

impl Images {
    /// Reads nothing yet; `budget` is in bytes.
    pub fn new(cases: Vec<Case>, data: &DataConfig, budget: usize) -> Arc<Self> {
        let index = cases.iter().enumerate().map(|(at, case)| (case.id.clone(), at)).collect();
        let data = data.clone();
        let cache = CachedDataset::new(cases, budget, move |case| ReadCase::read(case, &data), ReadCase::bytes);
        Arc::new(Self { cache, index })
    }

    /// A case's image and label.
    pub fn get(&self, case: &Case) -> Result<Arc<ReadCase>, TrainError> {
        match self.index.get(&case.id) {
            Some(at) => Ok(self.cache.get(*at)?),
            None => Err(TrainError::Config(format!("case {} is none of this run's", case.id))),
        }
    }
}
