//! A trained run applied to an image.

use std::path::Path;

use burn::tensor::Device;
use medseg_bundle::{Bundle, CONFIG_FILE, Prediction, StageNetwork};
use medseg_inference::PostProcessing;
use medseg_report::RunFolder;
use medseg_unet::Precision;
use medseg_volume::{Geometry, Volume};
use ndarray::Array4;

use super::export::bundle_config;
use super::folder::RunRecord;
use crate::config::{ExperimentConfig, StageConfig};
use crate::{Observer, TrainError, WindowProgress};

/// The networks of a run with everything needed to segment a new image.
#[derive(Debug)]
pub struct TrainedRun {
    config: ExperimentConfig,
    bundle: Bundle,
}

/// Opens a folder that predicts: a bundle, or the output folder of a run, finished or not.
///
/// # Errors
/// [`TrainError::NotARun`] for a folder that is neither; otherwise the fault of the bundle or the run.
pub fn open_bundle(folder: &Path, device: &Device) -> Result<Bundle, TrainError> {
    let exported = RunFolder::new(folder).bundle();
    match [folder, &exported].into_iter().find(|path| path.join(CONFIG_FILE).is_file()) {
        Some(bundle) => Ok(Bundle::open(bundle, device)?),
        None => Ok(TrainedRun::open(folder, device)?.into_bundle()),
    }
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
        let load = |(stage, config): (&str, &StageConfig)| {
            let path = RunFolder::new(folder).stage(stage).best_weights();
            if !path.is_file() {
                return Err(not_a_run(format!("stage {stage} has no {} yet", path.display())));
            }
            Ok(StageNetwork::load(&config.network, &path, device)?)
        };
        let stages = record.settings.stages();
        let networks = stages.into_iter().map(load).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { bundle: Bundle::new(bundle_config(&record), networks, device)?, config: record.settings })
    }

    /// The same run with the networks' products made in these numbers; see [`Precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { bundle: self.bundle.with_precision(precision), ..self }
    }

    /// The same run with another cleaning of its masks.
    pub(super) fn with_postprocessing(self, steps: PostProcessing) -> Result<Self, TrainError> {
        Ok(Self { bundle: self.bundle.with_postprocessing(steps)?, ..self })
    }

    /// A checksum of all weights.
    pub(super) fn checksum(&self) -> u64 {
        let mut sum = crc32fast::Hasher::new();
        for (_, network) in self.bundle.named_networks() {
            network.named_tensors().iter().for_each(|(_, tensor)| sum.update(tensor.as_bytes()));
        }
        sum.finalize().into()
    }

    /// The run's settings.
    #[must_use]
    pub fn config(&self) -> &ExperimentConfig {
        &self.config
    }

    /// The part of the run that predicts, to be saved elsewhere.
    #[must_use]
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// As [`bundle`](Self::bundle), without the rest.
    #[must_use]
    pub fn into_bundle(self) -> Bundle {
        self.bundle
    }

    /// Two lines on the work and memory of predicting an image, at most.
    ///
    /// # Errors
    /// A shape the sliding window cannot cover.
    pub fn describe(&self, image: &Volume<f32>) -> Result<String, TrainError> {
        Ok(self.bundle.plan(image.shape(), &image.geometry)?.to_string())
    }

    /// Segments an image as it was read from its file.
    ///
    /// # Errors
    /// Failures of the networks or the sliding window.
    pub fn predict(&self, image: &Volume<f32>, observer: &mut dyn Observer) -> Result<Prediction, TrainError> {
        let mut progress = WindowProgress::new(observer);
        let prediction = self.bundle.predict(image, &mut progress)?;
        progress.end();
        Ok(prediction)
    }

    /// As [`predict`](Self::predict), for an image `[channel, depth, height, width]` of the run's channels.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and an image of other channels.
    pub fn predict_channels(
        &self,
        image: Array4<f32>,
        geometry: &Geometry,
        observer: &mut dyn Observer,
    ) -> Result<Prediction, TrainError> {
        let mut progress = WindowProgress::new(observer);
        let prediction = self.bundle.predict_channels(image, geometry, &mut progress)?;
        progress.end();
        Ok(prediction)
    }
}
