//! One inference: a sliding window over one image.

use burn::tensor::{Device, Tensor};
use medseg_transforms::Probabilities;
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut3, s};
use rayon::prelude::*;

use crate::config::SlidingWindowConfig;
use crate::error::InferenceError;
use crate::mirror::mean_over_mirrors;
use crate::plan::WindowPlan;
use crate::predictor::{Predictor, predict_checked};
use crate::progress::{Progress, report};
use crate::rule::{MaskRule, Scores};
use crate::sink::{ClassMaskSink, MaskSink, ScoreSink, ScoreSlab, Sink, SlabSink};
use crate::stitching::{DeviceStitching, HostStitching, Stitching};

/// A sliding window, a network and an image, made by [`SlidingWindow::infer`](crate::SlidingWindow::infer); the methods that
/// return a result run it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_inference::{Dhw, MaskRule, SlidingWindowConfig};
/// use ndarray::{Array3, Array4, s};
///
/// let image = Array4::<f32>::ones((1, 32, 32, 32));
/// let mut body = Array3::<u8>::zeros((32, 32, 32));
/// body.slice_mut(s![..4, ..4, ..4]).fill(1);
/// let window = SlidingWindowConfig::new(Dhw::splat(8)).with_overlap(0.0).init()?;
/// let mut windows = 0;
/// let mut network = |batch: Tensor<5>| { windows += batch.dims()[0]; batch };
/// let mask = window
///     .infer(image.view(), &Device::flex(), &mut network)
///     .within(body.view())
///     .progress(&mut |done: usize, total: usize| eprintln!("{done} of {total} windows"))
///     .mask(MaskRule::default())?;
/// assert_eq!((mask, windows), (body, 1));
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[must_use = "nothing is predicted until a result is asked for"]
pub struct Inference<'a> {
    config: SlidingWindowConfig,
    /// `[channel, depth, height, width]`.
    image: ArrayView4<'a, f32>,
    device: &'a Device,
    network: &'a mut dyn Predictor,
    /// Windows outside are left out; `None` is the whole image.
    region: Option<ArrayView3<'a, u8>>,
    progress: Option<&'a mut dyn Progress>,
    /// Of mirrored windows; `None` is the usual function for the number of channels.
    probabilities: Option<Probabilities>,
}

impl<'a> Inference<'a> {
    pub(crate) fn new(
        config: SlidingWindowConfig,
        image: ArrayView4<'a, f32>,
        device: &'a Device,
        network: &'a mut dyn Predictor,
    ) -> Self {
        Self { config, image, device, network, region: None, progress: None, probabilities: None }
    }

    /// Predicts only windows that touch `region` (not 0), an array of the image's shape such as the body's mask.
    ///
    /// A voxel of the region gets the same result as without, bit for bit, since every window that covers it is predicted.
    /// Every other voxel is background: label 0, and probability 0 of every class, but 1 of class 0 with
    /// [`Probabilities::Softmax`].
    ///
    /// Results fail with [`InferenceError::Shape`] if region and image differ in shape. A region without a voxel gives an empty
    /// mask; the other results, whose number of classes is then unknown, fail with [`InferenceError::EmptyRegion`].
    pub fn within(mut self, region: ArrayView3<'a, u8>) -> Self {
        self.region = Some(region);
        self
    }

    /// Reports the number of predicted windows after every batch; the listener may stop the inference.
    pub fn progress(mut self, progress: &'a mut dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Makes probabilities of [mirrored](SlidingWindowConfig::mirror) windows by this function before they are averaged. Without,
    /// it is the usual one for the number of channels, or that of the result that is asked for.
    pub fn averaging(mut self, probabilities: Probabilities) -> Self {
        self.probabilities = Some(probabilities);
        self
    }

    /// Predicts the averaged logits `[class, depth, height, width]`. Outside a [region](Inference::within) they are
    /// unspecified.
    ///
    /// # Errors
    /// As [`SlidingWindow::plan`](crate::SlidingWindow::plan); what the network fails with; an output of the network of another
    /// shape than its input; [`InferenceError::NotFinite`] for scores that are NaN or infinite; [`InferenceError::Cancelled`] if
    /// the progress listener stops; [`InferenceError::Parameter`] with [`mirror`](SlidingWindowConfig::mirror), which averages
    /// probabilities.
    pub fn logits(self) -> Result<Array4<f32>, InferenceError> {
        if self.scores() == Scores::Probabilities {
            let rule = "mirrored windows are averaged as probabilities; ask for these or for a mask";
            return Err(InferenceError::parameter("mirror", format!("{:?}", self.config.mirror.to_array()), rule));
        }
        let plan = self.plan()?;
        let mut sink = ScoreSink::new(plan.shape(), None);
        if !self.run(&plan, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        Ok(sink.into_scores())
    }

    /// Predicts the probabilities `[class, depth, height, width]`, 0 to 1: made from the averaged logits, or averaged
    /// themselves with [`mirror`](SlidingWindowConfig::mirror).
    ///
    /// # Errors
    /// As [`logits`](Inference::logits), but for mirrored windows.
    pub fn probabilities(self, probabilities: Probabilities) -> Result<Array4<f32>, InferenceError> {
        let plan = self.plan()?;
        let applied = (self.scores() == Scores::Logits).then_some(probabilities);
        let (mut sink, region) = (ScoreSink::new(plan.shape(), applied), self.region);
        if !self.averaging(probabilities).run(&plan, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        let mut scores = sink.into_scores();
        for_each_outside(region, |(z, y, x)| {
            let mut classes = scores.slice_mut(s![.., z, y, x]);
            classes.fill(0.0);
            if probabilities == Probabilities::Softmax {
                classes[0] = 1.0;
            }
        });
        Ok(scores)
    }

    /// Predicts labels `[depth, height, width]`: a voxel is reduced by `rule` as soon as it is finished, so that the logits of
    /// the whole image never exist. Equal to [`MaskRule::apply`] on [`logits`](Inference::logits), bit for bit.
    ///
    /// # Errors
    /// As [`logits`](Inference::logits), but for mirrored windows, and as [`MaskRule::apply`].
    pub fn mask(self, rule: MaskRule) -> Result<Array3<u8>, InferenceError> {
        let plan = self.plan()?;
        let Dhw { d, h, w } = plan.shape();
        let mut mask = Array3::zeros((d, h, w));
        self.mask_by_plan(&plan, rule, mask.view_mut())?;
        Ok(mask)
    }

    /// Predicts labels as [`mask`](Inference::mask) does, into an array of the caller, which may be a part of a larger one. On
    /// an error its content is unspecified.
    ///
    /// # Errors
    /// As [`mask`](Inference::mask), and [`InferenceError::Shape`] if `mask` and the image differ in shape.
    pub fn mask_into(self, rule: MaskRule, mask: ArrayViewMut3<u8>) -> Result<(), InferenceError> {
        let plan = self.plan()?;
        same_shape("the mask to be written", plan.shape(), mask.dim())?;
        self.mask_by_plan(&plan, rule, mask)
    }

    /// Predicts classes that overlap: one mask `[class, depth, height, width]` for every channel, 1 where its sigmoid reaches
    /// the rule's threshold.
    ///
    /// # Errors
    /// As [`logits`](Inference::logits), but for mirrored windows, and [`InferenceError::Parameter`] for a threshold outside
    /// 0..=1.
    pub fn class_masks(self, rule: MaskRule) -> Result<Array4<u8>, InferenceError> {
        rule.validate()?;
        let plan = self.plan()?;
        let (mut sink, region) = (ClassMaskSink::new(plan.shape(), &rule, self.scores()), self.region);
        if !self.averaging(Probabilities::Sigmoid).run(&plan, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        let mut masks = sink.into_masks();
        for_each_outside(region, |(z, y, x)| masks.slice_mut(s![.., z, y, x]).fill(0));
        Ok(masks)
    }

    /// Hands the averaged scores to `take` a few planes at a time, as soon as these are finished: logits, or probabilities with
    /// [`mirror`](SlidingWindowConfig::mirror).
    ///
    /// Slabs come in ascending order along one axis, and together they are the whole image. Of a
    /// [region](Inference::within) all planes come, others may be left out, and scores outside it are unspecified.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_inference::{Dhw, ScoreSlab, SlidingWindowConfig};
    ///
    /// let image = ndarray::Array4::<f32>::ones((1, 20, 8, 8));
    /// let window = SlidingWindowConfig::new(Dhw::splat(8)).init()?;
    /// let mut network = |windows: Tensor<5>| windows;
    /// let mut voxels = 0;
    /// window.infer(image.view(), &Device::flex(), &mut network).slabs(&mut |slab: ScoreSlab<'_>| {
    ///     voxels += slab.scores.len();
    ///     Ok(())
    /// })?;
    /// assert_eq!(voxels, 20 * 8 * 8);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`logits`](Inference::logits), but for mirrored windows, and the first error of `take`.
    pub fn slabs(
        self,
        take: &mut dyn FnMut(ScoreSlab<'_>) -> Result<(), InferenceError>,
    ) -> Result<(), InferenceError> {
        let plan = self.plan()?;
        let mut sink = SlabSink::new(plan.shape(), plan.order()[0], self.scores(), take);
        if !self.run(&plan, &mut sink)? {
            return Err(InferenceError::EmptyRegion);
        }
        sink.finish()
    }

    /// The windows over the image.
    fn plan(&self) -> Result<WindowPlan, InferenceError> {
        let (channels, d, h, w) = self.image.dim();
        let shape = Dhw { d, h, w };
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape });
        }
        let plan = WindowPlan::new(shape, &self.config)?;
        let (slots, roi) = (plan.batch_len(), plan.roi());
        if [channels, roi.d, roi.h, roi.w].into_iter().try_fold(slots, usize::checked_mul).is_none() {
            return Err(InferenceError::TooLarge { channels, shape: plan.padded_shape() });
        }
        Ok(plan)
    }

    fn mask_by_plan(
        self,
        plan: &WindowPlan,
        rule: MaskRule,
        mut mask: ArrayViewMut3<u8>,
    ) -> Result<(), InferenceError> {
        rule.validate()?;
        let (region, overlap) = (self.region, rule.has_regions());
        let mut sink = MaskSink::new(mask.view_mut(), rule, self.scores());
        let inference = if overlap { self.averaging(Probabilities::Sigmoid) } else { self };
        if !inference.run(plan, &mut sink)? {
            mask.fill(0);
        }
        for_each_outside(region, |voxel| mask[voxel] = 0);
        Ok(())
    }

    /// The kind of the windows' scores.
    fn scores(&self) -> Scores {
        if self.config.is_mirrored() { Scores::Probabilities } else { Scores::Logits }
    }

    /// Predicts the windows and stitches them into the sink. `false` if there was none to predict.
    fn run(self, plan: &WindowPlan, sink: &mut impl Sink) -> Result<bool, InferenceError> {
        let numbers = self.numbers(plan)?;
        let (image, device) = (self.image, self.device);
        let (blend, padding) = (self.config.blend, self.config.padding);
        if self.config.stitch.is_on(device) {
            let stitching = DeviceStitching::new(image, plan, blend, padding, device, sink);
            self.stitch(stitching, plan, &numbers)?;
        } else {
            let stitching = HostStitching::new(image, plan, blend, padding, device, sink);
            self.stitch(stitching, plan, &numbers)?;
        }
        Ok(!numbers.is_empty())
    }

    /// Predicts the windows of these numbers, batch by batch.
    fn stitch(
        mut self,
        mut stitching: impl Stitching,
        plan: &WindowPlan,
        numbers: &[usize],
    ) -> Result<(), InferenceError> {
        let mut done = 0;
        report(&mut self.progress, done, numbers.len())?;
        // On a GPU a last batch of another shape would cost more than its copies: kernels are tuned anew for it.
        let fill = self.config.full_batches || medseg_device::has_own_memory(self.device);
        for batch in numbers.chunks(plan.batch_len()) {
            let slots = if fill { plan.batch_len() } else { batch.len() };
            let windows = stitching.gather(batch, slots);
            stitching.add(batch, self.predict(windows)?)?;
            done += batch.len();
            report(&mut self.progress, done, numbers.len())?;
        }
        stitching.finish()
    }

    fn predict(&mut self, windows: Tensor<5>) -> Result<Tensor<5>, InferenceError> {
        match self.scores() {
            Scores::Logits => predict_checked(self.network, windows),
            Scores::Probabilities => mean_over_mirrors(self.network, &windows, self.config.mirror, self.probabilities),
        }
    }

    /// Numbers of the windows that touch the region, ascending.
    fn numbers(&self, plan: &WindowPlan) -> Result<Vec<usize>, InferenceError> {
        let Some(region) = &self.region else { return Ok((0..plan.len()).collect()) };
        same_shape("the region to predict in", plan.shape(), region.dim())?;
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

fn same_shape(what: &'static str, expected: Dhw<usize>, got: (usize, usize, usize)) -> Result<(), InferenceError> {
    let got = Dhw::from(got);
    if got == expected { Ok(()) } else { Err(InferenceError::Shape { what, expected, got }) }
}

/// Calls `change` with every voxel outside the region.
fn for_each_outside(region: Option<ArrayView3<u8>>, mut change: impl FnMut((usize, usize, usize))) {
    if let Some(region) = &region {
        region.indexed_iter().filter(|(_, inside)| **inside == 0).for_each(|(voxel, _)| change(voxel));
    }
}
