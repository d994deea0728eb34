//! One run of a sliding window over one image.

use burn::tensor::{Device, Tensor};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut3, s};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::error::InferenceError;
use crate::mirror::mean_over_mirrors;
use crate::path::{DevicePath, HostPath, Path, has_own_memory};
use crate::plan::WindowPlan;
use crate::predictor::{Predictor, predict_checked};
use crate::progress::{Progress, report};
use crate::rule::{MaskRule, Scores};
use crate::sink::{ClassMaskSink, MaskSink, ScoreSink, Sink};
use crate::sliding_window::SlidingWindow;

/// A sliding window, an image, and where in it to look.
pub(crate) struct Run<'a> {
    pub(crate) window: &'a SlidingWindow,
    /// Windows outside are left out; `None` is the whole image.
    pub(crate) region: Option<ArrayView3<'a, u8>>,
    /// `[channel, depth, height, width]`.
    pub(crate) image: &'a ArrayView4<'a, f32>,
    pub(crate) device: &'a Device,
}

impl Run<'_> {
    /// Averaged logits.
    pub(crate) fn logits(
        &self,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        if self.scores() == Scores::Probabilities {
            let rule = "mirrored windows are averaged as probabilities; ask for these or for a mask";
            return Err(InferenceError::parameter("mirror", format!("{:?}", self.window.mirror.to_array()), rule));
        }
        let mut sink = ScoreSink::new(sides(self.image), None);
        self.stitch(None, predictor, progress, &mut sink)?;
        Ok(sink.into_scores())
    }

    /// Probabilities; outside the region those of the background.
    pub(crate) fn probabilities(
        &self,
        activation: Activation,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        let applied = (self.scores() == Scores::Logits).then_some(activation);
        let mut sink = ScoreSink::new(sides(self.image), applied);
        if !self.stitch(Some(activation), predictor, progress, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        let mut probabilities = sink.into_scores();
        self.for_each_outside(|voxel| {
            let mut classes = probabilities.slice_mut(s![.., voxel.0, voxel.1, voxel.2]);
            classes.fill(0.0);
            if activation == Activation::Softmax {
                classes[0] = 1.0;
            }
        });
        Ok(probabilities)
    }

    /// Labels.
    pub(crate) fn mask(
        &self,
        rule: MaskRule,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array3<u8>, InferenceError> {
        let Dhw { d, h, w } = self.window.plan(sides(self.image))?.shape();
        let mut mask = Array3::zeros((d, h, w));
        self.mask_into(rule, mask.view_mut(), predictor, progress)?;
        Ok(mask)
    }

    /// Labels in an array of the image's shape.
    pub(crate) fn mask_into(
        &self,
        rule: MaskRule,
        mut mask: ArrayViewMut3<u8>,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<(), InferenceError> {
        rule.validate()?;
        let mut sink = MaskSink::new(mask.view_mut(), rule, self.scores());
        if !self.stitch(None, predictor, progress, &mut sink)? {
            mask.fill(0);
        }
        self.for_each_outside(|voxel| mask[voxel] = 0);
        Ok(())
    }

    /// One binary mask for each class.
    pub(crate) fn class_masks(
        &self,
        rule: MaskRule,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<u8>, InferenceError> {
        rule.validate()?;
        let mut sink = ClassMaskSink::new(sides(self.image), rule, self.scores());
        if !self.stitch(Some(Activation::Sigmoid), predictor, progress, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        let mut masks = sink.into_masks();
        self.for_each_outside(|(z, y, x)| masks.slice_mut(s![.., z, y, x]).fill(0));
        Ok(masks)
    }

    /// What the windows' scores are.
    fn scores(&self) -> Scores {
        if self.window.mirror.to_array().contains(&true) { Scores::Probabilities } else { Scores::Logits }
    }

    fn for_each_outside(&self, mut change: impl FnMut((usize, usize, usize))) {
        if let Some(region) = &self.region {
            region.indexed_iter().filter(|(_, inside)| **inside == 0).for_each(|(voxel, _)| change(voxel));
        }
    }

    /// Predicts the windows, batch by batch, and stitches them into the sink. `false` if there was none to predict.
    /// `activation` is for mirrored windows; `None` is the usual one for the number of channels.
    fn stitch(
        &self,
        activation: Option<Activation>,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
        sink: &mut impl Sink,
    ) -> Result<bool, InferenceError> {
        let (channels, shape) = (self.image.dim().0, sides(self.image));
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape });
        }
        let plan = self.window.plan(shape)?;
        let (slots, roi) = (plan.batch_len(), plan.roi());
        if [channels, roi.d, roi.h, roi.w].into_iter().try_fold(slots, usize::checked_mul).is_none() {
            return Err(InferenceError::TooLarge { channels, shape: plan.padded_shape() });
        }
        let numbers = self.numbers(&plan)?;
        let (image, window) = (self.image.view(), self.window);
        if window.stitch.is_on(self.device) {
            let path = DevicePath::new(image, &plan, window, self.device, sink);
            self.follow(path, &plan, &numbers, activation, predictor, progress)?;
        } else {
            let path = HostPath::new(image, &plan, window, self.device, sink);
            self.follow(path, &plan, &numbers, activation, predictor, progress)?;
        }
        Ok(!numbers.is_empty())
    }

    /// Predicts the windows of these numbers, batch by batch.
    fn follow(
        &self,
        mut path: impl Path,
        plan: &WindowPlan,
        numbers: &[usize],
        activation: Option<Activation>,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<(), InferenceError> {
        report(progress, 0, numbers.len())?;
        let mut done = 0;
        // On a GPU a last batch of another shape would cost more than its copies: kernels are tuned anew for it.
        let fill = self.window.full_batches || has_own_memory(self.device);
        for batch in numbers.chunks(plan.batch_len()) {
            let slots = if fill { plan.batch_len() } else { batch.len() };
            let windows = path.gather(batch, slots);
            path.add(batch, self.predict(activation, predictor, windows)?)?;
            done += batch.len();
            report(progress, done, numbers.len())?;
        }
        path.finish()
    }

    fn predict(
        &self,
        activation: Option<Activation>,
        predictor: &mut (impl Predictor + ?Sized),
        windows: Tensor<5>,
    ) -> Result<Tensor<5>, InferenceError> {
        match self.scores() {
            Scores::Logits => predict_checked(predictor, windows),
            Scores::Probabilities => mean_over_mirrors(predictor, &windows, self.window.mirror, activation),
        }
    }

    /// Numbers of the windows that touch the region, ascending.
    fn numbers(&self, plan: &WindowPlan) -> Result<Vec<usize>, InferenceError> {
        let Some(region) = &self.region else { return Ok((0..plan.len()).collect()) };
        let (expected, got) = (plan.shape(), Dhw::from(region.dim()));
        if expected != got {
            return Err(InferenceError::Shape { what: "the region to predict in", expected, got });
        }
        let touches = |number: &usize| {
            let axes = plan.start(*number).zip(plan.padding()).zip(plan.shape().zip(plan.roi()));
            let Dhw { d, h, w } = axes.map(|((start, (low, _)), (size, roi))| {
                start.saturating_sub(low).min(size)..(start + roi).saturating_sub(low).min(size)
            });
            region.slice(s![d, h, w]).iter().any(|inside| *inside != 0)
        };
        Ok((0..plan.len()).into_par_iter().filter(touches).collect())
    }
}

/// The three spatial sides.
pub(crate) fn sides(image: &ArrayView4<f32>) -> Dhw<usize> {
    let (_, d, h, w) = image.dim();
    Dhw { d, h, w }
}
