//! A trained run applied to an image.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use medseg_bundle::Bundle;
use medseg_inference::CascadeReport;
use medseg_unet::{Precision, load_weights};
use medseg_volume::Volume;
use ndarray::Array3;

use super::export::bundle_config;
use super::folder::RunRecord;
use crate::config::ExperimentConfig;
use crate::stage::StageRun;
use crate::{Observer, TrainError};

/// The networks of a run with everything needed to segment a new image.
#[derive(Debug)]
pub struct TrainedRun {
    config: ExperimentConfig,
    bundle: Bundle,
}

/// What the coarse stage of a two-stage run found.
#[derive(Clone, Debug)]
pub struct CoarsePrediction {
    /// Its mask on the input's grid.
    pub mask: Array3<u8>,
    /// What came of it; boxes are in voxels of the input with its axes turned as the settings say.
    pub report: CascadeReport,
}

/// A segmented image.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// Labels on the input's grid, with its geometry: 1 where the organ is; where the run tells several classes apart, the
    /// values of `data.labels`.
    pub mask: Volume<u8>,
    /// The coarse stage of a two-stage run.
    pub coarse: Option<CoarsePrediction>,
    /// Seconds of preprocessing, networks and post-processing.
    pub seconds: f64,
}

impl TrainedRun {
    /// Loads the best weights of every stage from a run's output folder.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] if the folder has no `config.json` or a stage's weights are missing, and what is wrong with
    /// the files otherwise.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, TrainError> {
        let not_a_run = |reason: String| TrainError::NotARun { path: folder.to_path_buf(), reason };
        if !folder.join("config.json").is_file() {
            return Err(not_a_run("there is no config.json in it".into()));
        }
        let record = RunRecord::read(folder)?;
        record.settings.validate()?;
        let load = |stage: &str| {
            let path: PathBuf = StageRun::best_weights(&folder.join(stage));
            if !path.is_file() {
                return Err(not_a_run(format!("stage {stage} has no {} yet", path.display())));
            }
            Ok(load_weights(&path, device)?)
        };
        let stages = record.settings.stages();
        let networks = stages.into_iter().map(|(name, _)| load(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { bundle: Bundle::new(bundle_config(&record), networks, device)?, config: record.settings })
    }

    /// The same run with the networks' products made in these numbers; see
    /// [`UNet::with_precision`](medseg_unet::UNet::with_precision).
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { bundle: self.bundle.with_precision(precision), ..self }
    }

    /// The run's settings.
    #[must_use]
    pub fn config(&self) -> &ExperimentConfig {
        &self.config
    }

    /// What of the run is needed to predict, to be saved elsewhere.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// As [`bundle`](Self::bundle), without the rest.
    #[must_use]
    pub fn into_bundle(self) -> Bundle {
        self.bundle
    }

    /// Two lines on what predicting an image takes at most.
    ///
    /// # Errors
    /// A shape the sliding window cannot cover.
    pub fn describe(&self, image: &Volume<f32>) -> Result<String, TrainError> {
        Ok(self.bundle.plan(image.shape(), &image.geometry)?.to_string())
    }

    /// Segments an image as it was read from its file.
    ///
    /// # Errors
    /// What the networks or the sliding window fail with.
    pub fn predict(&self, image: &Volume<f32>, observer: &mut dyn Observer) -> Result<Prediction, TrainError> {
        let mut announced = 0;
        let mut progress = |done: usize, total: usize| {
            if total != announced {
                observer.begin("windows", total);
                announced = total;
            }
            observer.advance(done, "");
        };
        let prediction = self.bundle.predict(image, &mut progress)?;
        observer.end();
        let coarse_mask = prediction.coarse_mask()?;
        let coarse = coarse_mask
            .zip(prediction.report.cascade)
            .map(|(mask, report)| CoarsePrediction { mask: mask.data, report });
        Ok(Prediction { mask: prediction.mask, coarse, seconds: prediction.report.seconds })
    }
}
