//! A trained run applied to an image.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use medseg_inference::{Cascade, CascadeConfig, CascadeReport, MaskRule};
use medseg_transforms::{BoxDhw, Connectivity, keep_largest};
use medseg_unet::{Precision, UNet, load_weights};
use medseg_volume::{AxisChange, Dhw, Volume};
use ndarray::{Array3, Axis};

use super::folder::RunRecord;
use crate::config::ExperimentConfig;
use crate::stage::StageRun;
use crate::{Observer, TrainError};

/// The networks of a finished run with everything needed to segment a new image.
#[derive(Debug)]
pub struct TrainedRun {
    config: ExperimentConfig,
    coarse: Option<UNet>,
    fine: UNet,
    device: Device,
}

/// What the coarse stage of a two-stage run found.
#[derive(Clone, Debug)]
pub struct CoarsePrediction {
    /// Its mask on the input's grid.
    pub mask: Array3<u8>,
    /// The box that the fine network saw.
    pub roi: BoxDhw,
    /// The coarse mask was empty, so that the whole volume was searched instead of a box.
    pub fallback: bool,
}

impl CoarsePrediction {
    fn reoriented(self, change: &AxisChange) -> Self {
        let start = change.start(self.roi.start, self.roi.size, self.mask.dim().into());
        let roi = BoxDhw { start, size: change.permuted(self.roi.size) };
        Self { mask: change.apply(&self.mask.view()), roi, fallback: self.fallback }
    }
}

/// A segmented image.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// 1 where the organ is, on the input's grid and with its geometry.
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
        let config = RunRecord::read(folder)?.settings;
        config.validate()?;
        let load = |stage: &str| {
            let path: PathBuf = StageRun::best_weights(&folder.join(stage));
            if !path.is_file() {
                return Err(not_a_run(format!("stage {stage} has no {} yet", path.display())));
            }
            Ok(load_weights(&path, device)?)
        };
        let mut networks = config.stages().into_iter().map(|(name, _)| load(name)).collect::<Result<Vec<_>, _>>()?;
        let fine = networks.pop().ok_or_else(|| not_a_run("it has no stage".into()))?;
        Ok(Self { coarse: networks.pop(), fine, config, device: device.clone() })
    }

    /// The same run with the networks' products made in these numbers; see [`UNet::with_precision`].
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        let coarse = self.coarse.map(|network| network.with_precision(precision));
        Self { coarse, fine: self.fine.with_precision(precision), ..self }
    }

    /// The run's settings.
    #[must_use]
    pub fn config(&self) -> &ExperimentConfig {
        &self.config
    }

    /// One line on what predicting an image takes at most.
    ///
    /// # Errors
    /// A shape the sliding window cannot cover.
    pub fn describe(&self, image: &Volume<f32>) -> Result<String, TrainError> {
        let shape = self.config.data.axis_change(&image.geometry).permuted(image.shape());
        let plan = self.config.fine.sliding_window().plan(shape)?;
        let input = shape.to_array().iter().product::<usize>() as u64 * 4;
        let stages = if self.coarse.is_some() { "coarse stage, then at most " } else { "" };
        Ok(format!(
            "{} image {shape}: {stages}{} windows of {} in {} batches, about {} MiB for image and stitching",
            self.config.experiment.name(),
            plan.len(),
            self.config.fine.size,
            plan.batches(),
            (input + plan.memory(1, 1).for_mask()) >> 20,
        ))
    }

    /// Segments an image as it was read from its file.
    ///
    /// # Errors
    /// What the networks or the sliding window fail with.
    pub fn predict(&self, image: &Volume<f32>, observer: &mut dyn Observer) -> Result<Prediction, TrainError> {
        let started = Instant::now();
        let change = self.config.data.axis_change(&image.geometry);
        let mut data = change.apply(&image.data.view());
        self.config.data.intensity.apply(&mut data);
        let mut begun = false;
        let mut progress = |done: usize, total: usize| {
            if !begun {
                observer.begin("windows", total);
                begun = true;
            }
            observer.advance(done, "");
        };
        let (mut mask, coarse) = match &self.coarse {
            Some(network) => {
                self.predict_cascade(network, &data, change.permuted(image.geometry.spacing()), &mut progress)?
            }
            None => (self.predict_windows(&data, &mut progress)?, None),
        };
        observer.end();
        if self.config.largest_component {
            keep_largest(&mut mask, Connectivity::Vertex);
        }
        let back = change.inverse();
        let mask = back.apply(&mask.view());
        let coarse = coarse.map(|c| c.reoriented(&back));
        let seconds = started.elapsed().as_secs_f64();
        Ok(Prediction { mask: Volume::new(mask, image.geometry.clone()), coarse, seconds })
    }

    fn predict_windows(
        &self,
        image: &Array3<f32>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Array3<u8>, TrainError> {
        let mut fine = |windows: Tensor<5>| self.fine.forward(windows);
        let image = image.view().insert_axis(Axis(0));
        let window = self.config.fine.sliding_window();
        Ok(window.predict_mask(&image, MaskRule::default(), &self.device, &mut fine, progress)?)
    }

    fn predict_cascade(
        &self,
        network: &UNet,
        image: &Array3<f32>,
        spacing: Dhw<f64>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(Array3<u8>, Option<CoarsePrediction>), TrainError> {
        let coarse_size = self.config.coarse.as_ref().map_or(self.config.fine.size, |c| c.size);
        let cascade = Cascade::new(CascadeConfig {
            coarse_size,
            coarse_margin: Dhw::splat(self.config.cascade.margin),
            min_component_share: f64::from(u8::from(self.config.cascade.largest_component)),
            window: self.config.fine.sliding_window(),
            ..CascadeConfig::paper()
        })?;
        let mut coarse = |windows: Tensor<5>| network.forward(windows);
        let mut fine = |windows: Tensor<5>| self.fine.forward(windows);
        let found = cascade.predict(&image.view(), spacing, &self.device, &mut coarse, &mut fine, progress)?;
        let CascadeReport { roi, fallback, .. } = found.report;
        let coarse = CoarsePrediction { mask: found.coarse_mask(), roi, fallback: fallback.is_some() };
        Ok((found.mask, Some(coarse)))
    }
}
