//! From an image to a mask.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Tensor;
use medseg_inference::{
    BeyondMask, CascadeReport, Certainty, Dhw, Extras, Inference, InferenceError, MaskRule, Probabilities, Progress,
    ScoreRestorer, ScoreSlab, restore_labels,
};
use medseg_transforms::{LabelInterpolation, all_finite, replace_not_finite};
use medseg_volume::{Geometry, Volume};
use ndarray::{Array3, Array4, Axis};
use serde::Serialize;

use crate::bundle::Bundle;
use crate::config::Stages;
use crate::error::BundleError;
use crate::network::Wanted;
use crate::stage::StageNetwork;

/// A segmented image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prediction {
    /// The labels on the image's grid, with its geometry; its values are those of
    /// [`label_values`](crate::BundleConfig::label_values).
    pub mask: Volume<u8>,
    /// The coarse network's labels on its own grid, which covers the image: the mask's values if it tells as many classes
    /// apart as the network that draws the mask, otherwise the numbers of its own classes.
    pub coarse: Option<Volume<u8>>,
    /// Probabilities `[class, depth, height, width]` on the image's grid, if [wanted](Bundle::with_wanted).
    pub probabilities: Option<Array4<half::f16>>,
    /// Entropy in nats on the image's grid, if wanted.
    pub entropy: Option<Volume<f32>>,
    /// Means of probability and entropy over what is not background, if any of the extras is wanted.
    pub certainty: Option<Certainty>,
    /// Volumes, boxes and time.
    pub report: PredictionReport,
}

/// Volumes, boxes and time of one prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PredictionReport {
    /// Volume of every label of the mask, millilitres.
    pub volumes_ml: BTreeMap<u8, f64>,
    /// The cascade's report, in voxels of the networks' grid.
    pub cascade: Option<CascadeReport>,
    /// Seconds of preprocessing, networks, post-processing and restoring.
    pub seconds: f64,
}

impl Prediction {
    /// The coarse network's labels on the image's grid.
    ///
    /// # Errors
    /// None for a prediction that a bundle made; [`BundleError::Inference`] if the volumes were exchanged for others.
    pub fn coarse_mask(&self) -> Result<Option<Volume<u8>>, BundleError> {
        let (shape, geometry) = (self.mask.shape(), &self.mask.geometry);
        let restored =
            |coarse| restore_labels(coarse, shape, geometry, LabelInterpolation::NearestExact, BeyondMask::Border);
        Ok(self.coarse.as_ref().map(restored).transpose()?)
    }
}

/// The grid of an image.
struct Grid {
    shape: Dhw<usize>,
    geometry: Geometry,
}

/// The coarse network's labels and the cascade's report.
type Coarse = (Volume<u8>, CascadeReport);

impl Bundle {
    /// Segments an image as it was read from its file. `progress` counts windows.
    ///
    /// Voxels that are NaN or -∞ count as the image's lowest finite value, those that are +∞ as its highest: what lies
    /// outside of a scanner's field of view is often marked so, and one such voxel would reach every statistic.
    ///
    /// # Errors
    /// An image without voxels, or without a finite one; [`BundleError::HostMemory`] before memory is taken; failures of a
    /// network; a wish of `progress` to stop.
    pub fn predict(&self, image: &Volume<f32>, progress: &mut dyn Progress) -> Result<Prediction, BundleError> {
        let started = Instant::now();
        self.require_channels(1)?;
        if !all_finite(&image.data) {
            return self.predict_owned(image.clone(), progress);
        }
        let grid = self.checked_grid(image.shape(), &image.geometry)?;
        let Volume { data, geometry } = self.config.preprocessing.applied(image);
        self.run((data.insert_axis(Axis(0)), geometry), &grid, started, progress)
    }

    /// As [`predict`](Self::predict), in the memory of the image as far as that is possible.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_owned(&self, image: Volume<f32>, progress: &mut dyn Progress) -> Result<Prediction, BundleError> {
        self.predict_channels(image.data.insert_axis(Axis(0)), &image.geometry, progress)
    }

    /// As [`predict_owned`](Self::predict_owned), for an image `[channel, depth, height, width]` of as many channels as
    /// [`channels`](crate::BundleConfig::channels) says, on one grid.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and an image of other channels.
    pub fn predict_channels(
        &self,
        mut image: Array4<f32>,
        geometry: &Geometry,
        progress: &mut dyn Progress,
    ) -> Result<Prediction, BundleError> {
        let started = Instant::now();
        let (channels, d, h, w) = image.dim();
        self.require_channels(channels)?;
        let grid = self.checked_grid(Dhw { d, h, w }, geometry)?;
        for mut channel in image.outer_iter_mut() {
            if !replace_not_finite(&mut channel) {
                return Err(BundleError::NothingFinite { shape: grid.shape });
            }
        }
        self.run(self.config.preprocessing.apply_channels(image, geometry), &grid, started, progress)
    }

    fn require_channels(&self, found: usize) -> Result<(), BundleError> {
        let expected = self.config.channels;
        if found == expected {
            return Ok(());
        }
        Err(BundleError::Config(format!("an image of {found} channel(s); the networks take {expected}")))
    }

    /// The image's grid, once it is known that the computer can hold the prediction.
    fn checked_grid(&self, shape: Dhw<usize>, geometry: &Geometry) -> Result<Grid, BundleError> {
        self.plan(shape, geometry)?.check_host_memory()?;
        Ok(Grid { shape, geometry: geometry.clone() })
    }

    fn run(
        &self,
        (data, geometry): (Array4<f32>, Geometry),
        image: &Grid,
        started: Instant,
        progress: &mut dyn Progress,
    ) -> Result<Prediction, BundleError> {
        let (_, d, h, w) = data.dim();
        let mut restorer = self.restorer(Dhw { d, h, w }, &geometry, image)?;
        let (mut mask, found) = self.labels(&data, &geometry, restorer.as_mut(), progress)?;
        drop(data);
        let (mut coarse, cascade) = found.unzip();
        self.give_values(&mut mask, coarse.as_mut().map(|coarse| &mut coarse.data));
        let mut mask = Volume::new(mask, geometry);
        self.config.postprocessing.apply(&mut mask.data, &mask.geometry)?;
        let mask = if mask.shape() == image.shape && mask.geometry == image.geometry {
            Volume::new(mask.data, image.geometry.clone())
        } else {
            restore_labels(&mask, image.shape, &image.geometry, self.config.restoring, BeyondMask::Border)?
        };
        let report =
            PredictionReport { volumes_ml: volumes_ml(&mask), cascade, seconds: started.elapsed().as_secs_f64() };
        let restored = restorer.map(ScoreRestorer::finish);
        let certainty = restored.as_ref().map(|restored| restored.certainty);
        let (probabilities, entropy) =
            restored.map_or((None, None), |restored| (restored.probabilities, restored.entropy));
        let entropy = entropy.map(|entropy| Volume::new(entropy, image.geometry.clone()));
        Ok(Prediction { mask, coarse, probabilities, entropy, certainty, report })
    }

    /// The way of probabilities from the networks' grid to the image's, if any are wanted.
    fn restorer(
        &self,
        shape: Dhw<usize>,
        geometry: &Geometry,
        image: &Grid,
    ) -> Result<Option<ScoreRestorer>, BundleError> {
        if self.wanted == Wanted::default() {
            return Ok(None);
        }
        let extras = Extras { probabilities: self.wanted.probabilities, entropy: self.wanted.entropy };
        let classes = self.config.stages.last_network().out_channels();
        let to = (image.shape, &image.geometry);
        let restorer = ScoreRestorer::new((shape, geometry), to, classes, BeyondMask::Border, extras)?;
        Ok(Some(restorer.with_rule(self.config.stages.rule().clone())?))
    }

    /// Turns class numbers into the values of masks.
    fn give_values(&self, mask: &mut Array3<u8>, coarse: Option<&mut Array3<u8>>) {
        if self.config.label_values.is_empty() {
            return;
        }
        let values = self.config.value_of_class();
        mask.par_mapv_inplace(|class| values[usize::from(class)]);
        let networks = self.config.stages.networks();
        let same_classes = networks.windows(2).all(|pair| pair[0].1.out_channels() == pair[1].1.out_channels());
        if let Some(coarse) = coarse.filter(|_| same_classes) {
            coarse.par_mapv_inplace(|class| values[usize::from(class)]);
        }
    }

    /// Probabilities of a mask without anything, where the fine network did not run.
    fn background(&self, (d, h, w): (usize, usize, usize)) -> Array4<f32> {
        let classes = self.config.stages.last_network().out_channels();
        let mut probabilities = Array4::zeros((classes, d, h, w));
        if classes > 1 {
            probabilities.index_axis_mut(Axis(0), 0).fill(1.0);
        }
        probabilities
    }

    /// Labels on the networks' grid, in class numbers, with the coarse network's labels and the cascade's report.
    fn labels(
        &self,
        image: &Array4<f32>,
        geometry: &Geometry,
        restorer: Option<&mut ScoreRestorer>,
        progress: &mut dyn Progress,
    ) -> Result<(Array3<u8>, Option<Coarse>), BundleError> {
        let (_, d, h, w) = image.dim();
        let forward = |stage: usize| move |windows: Tensor<5>| mean_of_folds(&self.networks[stage], windows);
        match &self.config.stages {
            Stages::OneStage { window, rule, .. } => {
                let (window, mut network) = (window.init()?, forward(0));
                let inference = window.infer(image.view(), &self.device, &mut network).progress(progress);
                let mask = match restorer {
                    None => inference.mask(rule.clone()),
                    Some(restorer) => mask_and_scores(inference, (d, h, w), rule, restorer),
                };
                Ok((mask.map_err(|error| error.in_stage("one_stage"))?, None))
            }
            Stages::TwoStage { coarse_size, cascade, window, .. } => {
                let found = cascade
                    .init(*coarse_size, window)?
                    .infer_channels(image.view(), geometry, &self.device)
                    .progress(progress)
                    .with_probabilities(restorer.is_some())
                    .predict(&mut forward(0), &mut forward(1))?;
                if let Some(restorer) = restorer {
                    let probabilities = found.probabilities.unwrap_or_else(|| self.background((d, h, w)));
                    restorer.take(0, 0, &probabilities.view());
                }
                let (from, to) = (Dhw { d, h, w }, Dhw::from(found.coarse.dim()));
                let coarse = Volume::new(found.coarse, geometry.resized(from, to));
                Ok((found.mask, Some((coarse, found.report))))
            }
        }
    }
}

/// Mean of the folds' logits.
fn mean_of_folds(folds: &[StageNetwork], windows: Tensor<5>) -> Tensor<5> {
    let [network] = folds else {
        let sum = folds.iter().map(|network| network.forward(windows.clone())).reduce(|sum, logits| sum + logits);
        return sum.expect("a stage has a network") / folds.len() as f32;
    };
    network.forward(windows)
}

/// Labels of an image, whose probabilities go to the restorer.
fn mask_and_scores(
    inference: Inference<'_>,
    (d, h, w): (usize, usize, usize),
    rule: &MaskRule,
    restorer: &mut ScoreRestorer,
) -> Result<Array3<u8>, InferenceError> {
    let mut mask = Array3::zeros((d, h, w));
    inference.slabs(&mut |mut slab: ScoreSlab<'_>| {
        let labels = slab.labels(rule)?;
        let (axis, planes) = (Axis(slab.axis), slab.start..slab.start + labels.len_of(Axis(slab.axis)));
        mask.slice_axis_mut(axis, planes.into()).assign(&labels);
        slab.make_probabilities(Probabilities::usual(slab.scores.len_of(Axis(0))));
        restorer.take(slab.axis, slab.start, &slab.scores.view());
        Ok(())
    })?;
    Ok(mask)
}

pub(crate) fn volumes_ml(mask: &Volume<u8>) -> BTreeMap<u8, f64> {
    let mut voxels = [0_u64; 256];
    mask.data.iter().for_each(|&label| voxels[usize::from(label)] += 1);
    let voxel_ml = mask.geometry.voxel_volume_mm3() / 1000.0;
    let labels = (1..=255_u8).filter(|&label| voxels[usize::from(label)] > 0);
    labels.map(|label| (label, voxels[usize::from(label)] as f64 * voxel_ml)).collect()
}
