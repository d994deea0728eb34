//! One run of a sliding window over one image.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut3, s};
use rayon::prelude::*;

use crate::activation::Activation;
use crate::error::InferenceError;
use crate::gather::Gatherer;
use crate::mirror::mean_over_mirrors;
use crate::plan::WindowPlan;
use crate::predictor::{Logits, Predictor, run_predictor};
use crate::progress::{Progress, report};
use crate::rule::{MaskRule, Scores};
use crate::sink::{ClassMaskSink, MaskSink, ScoreSink};
use crate::sliding_window::SlidingWindow;
use crate::stitch::{Sink, Stitcher};

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
        let gatherer = Gatherer::new(self.image.view(), &plan, self.window.padding);
        let mut stitcher: Option<Stitcher> = None;
        let mut buffer = Vec::new();
        report(progress, 0, numbers.len())?;
        for (batch, numbers_of_batch) in numbers.chunks(slots).enumerate() {
            let slots = if self.window.full_batches { slots } else { numbers_of_batch.len() };
            let values = gatherer.batch(numbers_of_batch, slots, std::mem::take(&mut buffer));
            let data = TensorData::new(values, [slots, channels, roi.d, roi.h, roi.w]);
            let logits = self.predict(activation, predictor, Tensor::from_data(data, self.device))?;
            let stitcher = match &mut stitcher {
                Some(stitcher) => stitcher,
                none => {
                    sink.open(logits.channels)?;
                    none.insert(Stitcher::new(&plan, self.window.blend, logits.channels)?)
                }
            };
            if logits.channels != stitcher.channels() {
                return Err(InferenceError::OutputChannels { expected: stitcher.channels(), got: logits.channels });
            }
            let windows = logits.values()?.chunks_exact(logits.channels * roi.voxels());
            for (number, logits) in numbers_of_batch.iter().zip(windows) {
                stitcher.add(*number, logits, sink);
            }
            buffer = logits.into_buffer(); // spares the next batch fresh pages
            report(progress, batch * plan.batch_len() + numbers_of_batch.len(), numbers.len())?;
        }
        let any = stitcher.is_some();
        if let Some(stitcher) = stitcher {
            stitcher.finish(sink);
        }
        Ok(any)
    }

    fn predict(
        &self,
        activation: Option<Activation>,
        predictor: &mut (impl Predictor + ?Sized),
        windows: Tensor<5>,
    ) -> Result<Logits, InferenceError> {
        match self.scores() {
            Scores::Logits => run_predictor(predictor, windows),
            Scores::Probabilities => {
                Logits::new(mean_over_mirrors(predictor, &windows, self.window.mirror, activation)?)
            }
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
