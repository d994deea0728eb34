//! From an image to a mask.

use std::collections::BTreeMap;
use std::time::Instant;

use burn::tensor::Tensor;
use medseg_inference::{
    Certainty, Dhw, Extras, Progress, ScoreRestorer, ScoreSlab, SlidingWindowConfig, restore_labels, to_probabilities,
};
use medseg_transforms::{Sample, Trace, all_finite, replace_not_finite};
use medseg_volume::{Geometry, Volume};
use ndarray::{Array3, Array4, ArrayView4, s};

use super::NetworkBundle;
use super::config::{Average, Restoring};
use super::folds::Folds;
use super::plan::NetworkPlan;
use super::resampling;
use crate::error::BundleError;

/// Results that are wanted beside the mask; each takes time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Probabilities of all classes on the image's grid.
    pub probabilities: bool,
    /// Entropy of the probabilities on the image's grid.
    pub entropy: bool,
    /// Spread of folds and mirror images, in [`NetworkPrediction::certainty`]; 0 where there is one prediction alone.
    pub spread: bool,
    /// Means of probability and entropy, also without the other results.
    pub certainty: bool,
}

/// A segmented image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkPrediction {
    /// The labels on the image's grid, with its geometry.
    pub mask: Volume<u8>,
    /// Probabilities `[class, depth, height, width]` on the image's grid, if wanted.
    pub probabilities: Option<Array4<half::f16>>,
    /// Entropy in nats on the image's grid, if wanted.
    pub entropy: Option<Volume<f32>>,
    /// Means of probability and entropy over what is not background, if any of the extras was wanted.
    pub certainty: Option<Certainty>,
    /// Volume of every label of the mask, millilitres.
    pub volumes_ml: BTreeMap<u8, f64>,
    /// Oddities that preprocessing found.
    pub warnings: Vec<String>,
    /// The plan that was carried out.
    pub plan: NetworkPlan,
    /// Seconds of preprocessing, networks, post-processing and restoring.
    pub seconds: f64,
}

/// An image and its place.
struct Grid<'a> {
    shape: Dhw<usize>,
    geometry: &'a Geometry,
}

impl NetworkBundle {
    /// Segments an image `[channel, depth, height, width]` with the geometry of its file; `announce` sees the plan before the
    /// network runs and may refuse it, and `progress` counts windows.
    ///
    /// Voxels that are NaN or -∞ count as the image's lowest finite value, those that are +∞ as its highest.
    ///
    /// # Errors
    /// An image without voxels or without a finite one, or of other channels than the network takes; a prediction that
    /// the computer's memory cannot hold; failures of the network; a wish of `progress` to stop.
    pub fn predict(
        &self,
        mut image: Array4<f32>,
        geometry: &Geometry,
        wanted: Wanted,
        announce: &mut dyn FnMut(&NetworkPlan) -> Result<(), BundleError>,
        progress: &mut dyn Progress,
    ) -> Result<NetworkPrediction, BundleError> {
        let started = Instant::now();
        let (channels, d, h, w) = image.dim();
        let graph = self.folds[0].graph();
        let on_image = Grid { shape: Dhw { d, h, w }, geometry };
        if channels != graph.in_channels() {
            let expected = graph.in_channels();
            return Err(BundleError::Config(format!(
                "an image of {channels} channel(s); the network takes {expected}"
            )));
        }
        for mut channel in image.outer_iter_mut() {
            if !all_finite(&channel) && !replace_not_finite(&mut channel) {
                return Err(BundleError::NothingFinite { shape: on_image.shape });
            }
        }
        resampling::check(&self.config.preprocessing, channels, on_image.shape, geometry)?;
        let sample = Sample { id: String::new(), image, label: None, geometry: geometry.clone() };
        let done = self.config.preprocessing.apply_one(sample, 0)?;
        let (warnings, trace) = (done.trace.warnings.clone(), done.trace);
        let Sample { image, geometry: of_grid, .. } = done.sample;
        let (_, d, h, w) = image.dim();
        let grid = Grid { shape: Dhw { d, h, w }, geometry: &of_grid };
        let plan = self.plan(on_image.shape, grid.shape, wanted)?;
        announce(&plan)?;
        plan.check_host_memory()?;
        let mut results = self.results(&image.view(), &grid, &on_image, &trace, wanted, progress)?;
        drop(image);
        self.config.postprocessing.apply(&mut results.mask.data, &results.mask.geometry)?;
        let volumes_ml = crate::predict::volumes_ml(&results.mask);
        let seconds = started.elapsed().as_secs_f64();
        let Results { mask, probabilities, entropy, certainty } = results;
        Ok(NetworkPrediction { mask, probabilities, entropy, certainty, volumes_ml, warnings, plan, seconds })
    }

    /// Logits of the first fold, or averages of all, on the network's grid, for an image there; for comparisons.
    ///
    /// # Errors
    /// Failures of the network.
    pub fn scores(&self, image: &ArrayView4<'_, f32>) -> Result<Array4<f32>, BundleError> {
        let (_, d, h, w) = image.dim();
        let folds = self.folds_with(false);
        let mut network = |windows: Tensor<5>| folds.predict(&windows);
        Ok(self.window_config(Dhw { d, h, w }).init()?.infer(image.view(), &self.device, &mut network).logits()?)
    }

    /// The image as the networks see it, with its geometry.
    ///
    /// # Errors
    /// A step that does not fit the image.
    pub fn prepared(&self, image: Array4<f32>, geometry: &Geometry) -> Result<(Array4<f32>, Geometry), BundleError> {
        let sample = Sample { id: String::new(), image, label: None, geometry: geometry.clone() };
        let sample = self.config.preprocessing.apply_one(sample, 0)?.sample;
        Ok((sample.image, sample.geometry))
    }

    /// The predictor; mirrored windows are its own work where their spread is wanted, and the sliding window's otherwise.
    fn folds_with(&self, spread: bool) -> Folds<'_> {
        let (average, probabilities) = (self.config.average, self.config.probabilities);
        let temperature = self.config.temperature;
        let mirror = if spread { self.mirror } else { Dhw::splat(false) };
        let mirrored = self.is_mirrored() && !spread;
        Folds { networks: &self.folds, average, probabilities, temperature, mirrored, mirror, spread }
    }

    fn is_mirrored(&self) -> bool {
        self.mirror.to_array().contains(&true)
    }

    /// True if voxels become labels as soon as their last window is there, so that no slab of scores is needed.
    pub(super) fn labels_at_once(&self, wanted: Wanted) -> bool {
        let restored = self.restores_probabilities() || wanted != Wanted::default();
        // Averaged probabilities would be taken for logits, which does not matter to the largest of several.
        let by_rule = self.config.average == Average::Logits || self.is_mirrored();
        !restored && (by_rule || self.takes_largest())
    }

    /// True if the largest of several channels gives the label.
    fn takes_largest(&self) -> bool {
        self.folds[0].graph().out_channels() > 1 && !self.config.rule.has_regions()
    }

    /// The sliding window; one window over everything if there is none.
    pub(super) fn window_config(&self, grid: Dhw<usize>) -> SlidingWindowConfig {
        let window = self.config.window.unwrap_or_else(|| SlidingWindowConfig::whole(grid));
        window.with_mirror(self.mirror)
    }

    /// True if a spread is wanted and there are several predictions to spread.
    pub(super) fn spreads(&self, wanted: Wanted) -> bool {
        wanted.spread && self.members() > 1
    }

    fn results(
        &self,
        image: &ArrayView4<'_, f32>,
        grid: &Grid<'_>,
        on_image: &Grid<'_>,
        trace: &Trace,
        wanted: Wanted,
        progress: &mut dyn Progress,
    ) -> Result<Results, BundleError> {
        let spreads = self.spreads(wanted);
        let mut config = self.window_config(grid.shape);
        if spreads {
            config.mirror = Dhw::splat(false);
        }
        let classes = self.folds[0].graph().out_channels();
        let restores = self.restores_probabilities();
        let mirrored = self.is_mirrored();
        let folds = self.folds_with(spreads);
        let mut network = |windows: Tensor<5>| folds.predict(&windows);
        if self.labels_at_once(wanted) {
            let inference = config.init()?;
            let labels = inference.infer(image.view(), &self.device, &mut network).progress(progress);
            let mask = self.restored(labels.mask(self.config.rule.clone())?, grid, on_image, trace)?;
            return Ok(Results { mask, probabilities: None, entropy: None, certainty: None });
        }
        let extras = Extras { probabilities: wanted.probabilities, entropy: wanted.entropy };
        let mut restorer = None;
        if restores || wanted != Wanted::default() {
            let (from, to) = ((grid.shape, grid.geometry), (on_image.shape, on_image.geometry));
            let made = ScoreRestorer::new(from, to, classes, self.config.beyond, extras)?;
            restorer = Some(made.with_rule(self.config.rule.clone())?);
        }
        let mut labels = (!restores).then(|| Array3::<u8>::zeros((grid.shape.d, grid.shape.h, grid.shape.w)));
        let are_logits = self.config.average == Average::Logits && !mirrored;
        let mut take = |mut slab: ScoreSlab<'_>| {
            let mut of_classes = slab.scores.slice_mut(s![..classes, .., .., ..]);
            if let Some(labels) = &mut labels {
                let rule = &self.config.rule;
                let of_slab = if are_logits || self.takes_largest() {
                    rule.apply(&of_classes.view())
                } else {
                    rule.apply_to_probabilities(&of_classes.view())
                }?;
                let (axis, start) = (ndarray::Axis(slab.axis), slab.start);
                let planes = of_slab.len_of(axis);
                labels.slice_axis_mut(axis, (start..start + planes).into()).assign(&of_slab);
            }
            if let Some(restorer) = &mut restorer {
                if are_logits {
                    to_probabilities(&mut of_classes, self.config.probabilities);
                }
                restorer.take(slab.axis, slab.start, &slab.scores.view());
            }
            Ok(())
        };
        let window = config.init()?;
        let inference = window.infer(image.view(), &self.device, &mut network).progress(progress);
        inference.averaging(self.config.probabilities).slabs(&mut take)?;
        let restored = restorer.map(ScoreRestorer::finish);
        let (mut mask, mut probabilities, mut entropy, mut certainty) = (None, None, None, None);
        if let Some(restored) = restored {
            certainty = (wanted != Wanted::default()).then_some(restored.certainty);
            (probabilities, entropy) = (restored.probabilities, restored.entropy);
            mask = Some(Volume::new(restored.mask, on_image.geometry.clone()));
        }
        if let Some(labels) = labels {
            mask = Some(self.restored(labels, grid, on_image, trace)?);
        }
        let mask = mask.expect("labels or probabilities are restored");
        let entropy = entropy.map(|entropy| Volume::new(entropy, on_image.geometry.clone()));
        Ok(Results { mask, probabilities, entropy, certainty })
    }

    /// Labels of the network's grid on the image's.
    fn restored(
        &self,
        labels: Array3<u8>,
        grid: &Grid<'_>,
        on_image: &Grid<'_>,
        trace: &Trace,
    ) -> Result<Volume<u8>, BundleError> {
        let mut mask = Volume::new(labels, grid.geometry.clone());
        self.config.postprocessing_before.apply(&mut mask.data, &mask.geometry)?;
        let Restoring::Labels(how) = self.config.restoring else {
            let labels = trace.invert_nearest(&mask.data.view())?;
            return Ok(Volume::new(labels, on_image.geometry.clone()));
        };
        Ok(restore_labels(&mask, on_image.shape, on_image.geometry, how, self.config.beyond)?)
    }
}

struct Results {
    mask: Volume<u8>,
    probabilities: Option<Array4<half::f16>>,
    entropy: Option<Volume<f32>>,
    certainty: Option<Certainty>,
}
