//! Inference on an image of any size by a network that takes windows of one size.

use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView4, ArrayViewMut3};
use serde::{Deserialize, Serialize};

use crate::blend::Blend;
use crate::error::InferenceError;
use crate::gather::Gatherer;
use crate::padding::Padding;
use crate::plan::WindowPlan;
use crate::predictor::{Predictor, run_predictor};
use crate::progress::Progress;
use crate::rule::MaskRule;
use crate::sink::{LogitSink, MaskSink};
use crate::stitch::{PlaneSink, Stitcher};

/// Sliding-window inference, with the windows and weights of MONAI's `sliding_window_inference`.
///
/// Overlapping windows are predicted in batches and averaged with the weights of [`Blend`]. An image smaller than the window
/// is padded and the result cut back. Peak memory beside the image and the network is one batch of windows and of logits, one
/// window's depth of planes of sums, and the result ([`WindowPlan::memory`]).
///
/// The result depends neither on the number of threads nor on `batch`, as far as the predictor's own does not.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_inference::{Dhw, NoProgress, SlidingWindow};
/// use ndarray::Array4;
///
/// let image = Array4::from_shape_fn((1, 10, 12, 14), |(_, z, y, x)| (z * y + x) as f32);
/// let sliding = SlidingWindow::new(Dhw { d: 8, h: 8, w: 8 }).with_overlap(0.5);
/// let logits = sliding.predict(
///     &image.view(),
///     &Device::flex(),
///     &mut |windows: Tensor<5>| windows * 2.0,
///     &mut NoProgress,
/// )?;
/// assert_eq!(logits, image * 2.0);
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlidingWindow {
    /// Shape of a window, voxels.
    pub roi: Dhw<usize>,
    /// Fraction of a window that it shares with the next one on every axis, 0 to below 1.
    pub overlap: Dhw<f64>,
    /// Weights of overlapping windows.
    pub blend: Blend,
    /// Windows given to the predictor at once.
    pub batch: usize,
    /// What stands outside an image that is smaller than the window.
    pub padding: Padding,
}

impl Default for SlidingWindow {
    /// The experiments' validation: windows of 128³, overlap 0.25, constant blending, 4 windows a batch.
    fn default() -> Self {
        Self::new(Dhw::splat(128))
    }
}

impl SlidingWindow {
    /// Windows of `roi` voxels with overlap 0.25, constant blending, 4 windows a batch, padded with 0.
    pub fn new(roi: Dhw<usize>) -> Self {
        Self { roi, overlap: Dhw::splat(0.25), blend: Blend::Constant, batch: 4, padding: Padding::default() }
    }

    /// Sets the same overlap on all axes, 0 to below 1.
    #[must_use]
    pub fn with_overlap(mut self, overlap: f64) -> Self {
        self.overlap = Dhw::splat(overlap);
        self
    }

    /// Sets the weights of overlapping windows.
    #[must_use]
    pub fn with_blend(mut self, blend: Blend) -> Self {
        self.blend = blend;
        self
    }

    /// Sets the number of windows given to the predictor at once.
    #[must_use]
    pub fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Sets what stands outside an image that is smaller than the window.
    #[must_use]
    pub fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a side of 0, an overlap outside 0..1, a batch of 0, a `sigma_scale` that is not
    /// positive.
    pub fn validate(&self) -> Result<(), InferenceError> {
        if self.roi.to_array().contains(&0) {
            return Err(InferenceError::parameter("roi", self.roi, "every side has to be at least 1"));
        }
        if let Some(overlap) = self.overlap.to_array().into_iter().find(|overlap| !(0.0..1.0).contains(overlap)) {
            return Err(InferenceError::parameter("overlap", overlap, "has to be at least 0 and below 1"));
        }
        if self.batch == 0 {
            return Err(InferenceError::parameter("batch", 0, "has to be at least 1"));
        }
        self.blend.validate()
    }

    /// Lays the windows over an image of `shape`.
    ///
    /// ```
    /// use medseg_inference::{Dhw, SlidingWindow};
    ///
    /// let plan = SlidingWindow::default().plan(Dhw { d: 400, h: 512, w: 512 })?;
    /// assert_eq!(plan.starts().d, [0, 96, 192, 272]);
    /// assert_eq!((plan.len(), plan.batches()), (100, 25));
    /// assert_eq!(plan.memory(1, 1).accumulator, 128 * 512 * 512 * 4);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`validate`](SlidingWindow::validate), and [`InferenceError::EmptyImage`] or
    /// [`InferenceError::ReflectionTooWide`] where the image does not allow it.
    pub fn plan(&self, shape: Dhw<usize>) -> Result<WindowPlan, InferenceError> {
        self.validate()?;
        if shape.to_array().contains(&0) {
            return Err(InferenceError::EmptyImage { channels: 1, shape });
        }
        WindowPlan::new(shape, self.roi, self.overlap, self.batch, self.padding)
    }

    /// Predicts an image `[channel, depth, height, width]`; the result is the averaged logits
    /// `[class, depth, height, width]` of the same three sides.
    ///
    /// # Errors
    /// As [`plan`](SlidingWindow::plan); what the predictor fails with; an output of the predictor of another shape than its
    /// input; [`InferenceError::Cancelled`] if `progress` says so.
    pub fn predict(
        &self,
        image: &ArrayView4<f32>,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        let mut sink = LogitSink::new(sides(image));
        self.run(image, device, predictor, progress, &mut sink)?;
        Ok(sink.into_logits())
    }

    /// Predicts an image `[channel, depth, height, width]` and reduces it to labels `[depth, height, width]` by `rule`, plane
    /// by plane: the logits of the whole image never exist. Equal to [`MaskRule::apply`] on the result of
    /// [`predict`](SlidingWindow::predict), bit for bit.
    ///
    /// # Errors
    /// As [`predict`](SlidingWindow::predict) and [`MaskRule::apply`].
    pub fn predict_mask(
        &self,
        image: &ArrayView4<f32>,
        rule: MaskRule,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array3<u8>, InferenceError> {
        let Dhw { d, h, w } = self.plan(sides(image))?.shape();
        let mut mask = Array3::zeros((d, h, w));
        self.predict_mask_into(image, rule, mask.view_mut(), device, predictor, progress)?;
        Ok(mask)
    }

    /// [`predict_mask`](SlidingWindow::predict_mask) into an array of the caller, which may be a part of a larger one. On an
    /// error its content is unspecified.
    ///
    /// # Errors
    /// As [`predict_mask`](SlidingWindow::predict_mask), and [`InferenceError::Shape`] if `mask` and `image` differ in shape.
    pub fn predict_mask_into(
        &self,
        image: &ArrayView4<f32>,
        rule: MaskRule,
        mask: ArrayViewMut3<u8>,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<(), InferenceError> {
        rule.validate()?;
        let (expected, got) = (sides(image), Dhw::from(mask.dim()));
        if expected != got {
            return Err(InferenceError::Shape { what: "the mask to be written", expected, got });
        }
        self.run(image, device, predictor, progress, &mut MaskSink::new(mask, rule))
    }

    fn run(
        &self,
        image: &ArrayView4<f32>,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
        sink: &mut impl PlaneSink,
    ) -> Result<(), InferenceError> {
        let (channels, shape) = (image.dim().0, sides(image));
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape });
        }
        let plan = self.plan(shape)?;
        let batch = [channels, self.roi.d, self.roi.h, self.roi.w];
        if batch.into_iter().try_fold(plan.batch_len(), usize::checked_mul).is_none() {
            return Err(InferenceError::TooLarge { channels, shape: plan.padded_shape() });
        }
        let gatherer = Gatherer::new(image.view(), &plan, self.padding);
        let mut stitcher: Option<Stitcher> = None;
        let mut buffer = Vec::new();
        report(progress, 0, plan.len())?;
        for windows in plan.batch_ranges() {
            let sides = [windows.len(), channels, self.roi.d, self.roi.h, self.roi.w];
            let values = gatherer.batch(windows.clone(), std::mem::take(&mut buffer));
            let logits = run_predictor(predictor, Tensor::<5>::from_data(TensorData::new(values, sides), device))?;
            let stitcher = match &mut stitcher {
                Some(stitcher) => stitcher,
                none => {
                    sink.open(logits.channels)?;
                    none.insert(Stitcher::new(&plan, self.blend, logits.channels)?)
                }
            };
            if logits.channels != stitcher.channels() {
                return Err(InferenceError::OutputChannels { expected: stitcher.channels(), got: logits.channels });
            }
            stitcher.add(windows.clone(), logits.values()?, sink);
            buffer = logits.into_buffer(); // spares the next batch fresh pages
            report(progress, windows.end, plan.len())?;
        }
        if let Some(stitcher) = stitcher {
            stitcher.finish(sink);
        }
        Ok(())
    }
}

/// Tells the progress; a wish to stop becomes an error.
pub(crate) fn report(progress: &mut (impl Progress + ?Sized), done: usize, total: usize) -> Result<(), InferenceError> {
    match progress.report(done, total) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(InferenceError::Cancelled { done, total }),
    }
}

/// The three spatial sides.
fn sides(image: &ArrayView4<f32>) -> Dhw<usize> {
    let (_, d, h, w) = image.dim();
    Dhw { d, h, w }
}
