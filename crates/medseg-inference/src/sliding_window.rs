//! Inference on an image of any size by a network that takes windows of one size.

use burn::tensor::Device;
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4, ArrayViewMut3};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::blend::Blend;
use crate::cost::NetworkCost;
use crate::error::InferenceError;
use crate::padding::Padding;
use crate::path::Stitch;
use crate::plan::WindowPlan;
use crate::predictor::Predictor;
use crate::progress::Progress;
pub(crate) use crate::progress::report;
use crate::region::RegionWindow;
use crate::rule::MaskRule;
use crate::run::{Run, sides};

/// Sliding-window inference, with the windows and weights of MONAI's `sliding_window_inference`.
///
/// Overlapping windows are predicted in batches and averaged with the weights of [`Blend`]. An image smaller than the window
/// is padded and the result cut back. Peak memory beside the image and the network is one batch of windows and of logits, the
/// sums that wait for later windows, and the result ([`WindowPlan::memory`]).
///
/// On a GPU the image is uploaded once, windows are cut out, added up, averaged and reduced there, and only the result comes
/// back ([`Stitch`], [`WindowPlan::device_memory`]). Progress then counts windows given to the device, which may lag behind.
///
/// With [`mirror`](SlidingWindow::mirror), each window is also predicted mirrored along every subset of those axes. Each of the
/// outputs becomes probabilities, the mean of these over the mirror images is what overlapping windows are averaged from: one
/// axis doubles the time, three take it eightfold. Memory grows by a batch of windows and two of logits.
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Axes along which windows are predicted mirrored too (test-time augmentation).
    pub mirror: Dhw<bool>,
    /// Whether the last batch is filled up with copies of its last window, for networks compiled for one shape. The copies'
    /// logits are ignored. On a GPU it is filled up in any case, to as many windows as the other batches have.
    pub full_batches: bool,
    /// Where windows are cut out and put together; left out of files where automatic.
    #[serde(skip_serializing_if = "is_auto")]
    pub stitch: Stitch,
}

fn is_auto(stitch: &Stitch) -> bool {
    *stitch == Stitch::Auto
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
        Self {
            roi,
            overlap: Dhw::splat(0.25),
            blend: Blend::Constant,
            batch: 4,
            padding: Padding::default(),
            mirror: Dhw::splat(false),
            full_batches: false,
            stitch: Stitch::Auto,
        }
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

    /// Sets the axes along which windows are predicted mirrored too.
    #[must_use]
    pub fn with_mirror(mut self, mirror: Dhw<bool>) -> Self {
        self.mirror = mirror;
        self
    }

    /// Sets whether the last batch is filled up to the full number of windows.
    #[must_use]
    pub fn with_full_batches(mut self, full_batches: bool) -> Self {
        self.full_batches = full_batches;
        self
    }

    /// Sets where windows are cut out and put together.
    #[must_use]
    pub fn with_stitch(mut self, stitch: Stitch) -> Self {
        self.stitch = stitch;
        self
    }

    /// The same with as many windows in a batch, at most [`batch`](SlidingWindow::batch), as keep the peak of
    /// [`predict_mask`](SlidingWindow::predict_mask) on an image of `shape` within `budget` bytes, not counting the image and
    /// the network's weights. The budget is the host's, or the device's with [`Stitch::Device`], which counts the image there.
    ///
    /// ```
    /// use medseg_inference::{Dhw, InferenceError, NetworkCost, SlidingWindow};
    ///
    /// let network = NetworkCost { channels_in: 1, channels_out: 14, flops: 0, bytes: 500 << 20 };
    /// let (shape, window) = (Dhw { d: 256, h: 512, w: 512 }, SlidingWindow::default());
    /// assert_eq!(window.within_budget(shape, &network, 2_000_000_000)?.batch, 2);
    /// let error = window.within_budget(shape, &network, 1_000_000_000).unwrap_err();
    /// assert!(matches!(error, InferenceError::OverBudget { needed, .. } if needed > 1_000_000_000));
    /// # Ok::<(), InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`plan`](SlidingWindow::plan), and [`InferenceError::OverBudget`] with the bytes needed if one window a batch is
    /// still too much.
    pub fn within_budget(self, shape: Dhw<usize>, network: &NetworkCost, budget: u64) -> Result<Self, InferenceError> {
        let needed = |batch| {
            let cost = self.with_batch(batch).plan(shape)?.cost(network);
            Ok(if self.stitch == Stitch::Device { cost.bytes_on_device() } else { cost.bytes_for_mask() })
        };
        if needed(self.batch)? <= budget {
            return Ok(self);
        }
        let (mut fits, mut too_many) = (0, self.batch);
        while too_many - fits > 1 {
            let batch = fits + (too_many - fits) / 2;
            if needed(batch)? <= budget { fits = batch } else { too_many = batch }
        }
        match fits {
            0 => Err(InferenceError::OverBudget { needed: needed(1)?, budget }),
            batch => Ok(self.with_batch(batch)),
        }
    }

    /// Only windows that touch `region` (not 0) are predicted, and only voxels of the region can be anything but background:
    /// inside, the result is that of the whole image, outside it is 0. `region` has the image's shape.
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use medseg_inference::{Dhw, MaskRule, NoProgress, SlidingWindow};
    /// use ndarray::{Array3, Array4, s};
    ///
    /// let image = Array4::<f32>::ones((1, 32, 32, 32));
    /// let mut body = Array3::<u8>::zeros((32, 32, 32));
    /// body.slice_mut(s![..4, ..4, ..4]).fill(1);
    /// let window = SlidingWindow::new(Dhw::splat(8)).with_overlap(0.0);
    /// let mut windows = 0;
    /// let mut network = |batch: Tensor<5>| { windows += batch.dims()[0]; batch };
    /// let mask = window.within(body.view()).predict_mask(
    ///     &image.view(), MaskRule::default(), &Device::flex(), &mut network, &mut NoProgress,
    /// )?;
    /// assert_eq!((mask, windows), (body, 1));
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    #[must_use]
    pub fn within<'a>(&self, region: ArrayView3<'a, u8>) -> RegionWindow<'a> {
        RegionWindow { window: *self, region }
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
    /// assert!(plan.memory(1, 1).accumulator < 128 * 512 * 512 * 4 / 2);
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
        WindowPlan::new(shape, self)
    }

    /// Predicts an image `[channel, depth, height, width]`; the result is the averaged logits
    /// `[class, depth, height, width]` of the same three sides.
    ///
    /// # Errors
    /// As [`plan`](SlidingWindow::plan); what the predictor fails with; an output of the predictor of another shape than its
    /// input; [`InferenceError::Cancelled`] if `progress` says so; [`InferenceError::Parameter`] with
    /// [`mirror`](SlidingWindow::mirror), which averages probabilities.
    pub fn predict(
        &self,
        image: &ArrayView4<f32>,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        Run { window: self, region: None, image, device }.logits(predictor, progress)
    }

    /// Predicts an image `[channel, depth, height, width]`; the result is the probabilities `[class, depth, height, width]`,
    /// made from the averaged logits, or averaged themselves with [`mirror`](SlidingWindow::mirror).
    ///
    /// # Errors
    /// As [`predict`](SlidingWindow::predict).
    pub fn predict_probabilities(
        &self,
        image: &ArrayView4<f32>,
        activation: Activation,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        Run { window: self, region: None, image, device }.probabilities(activation, predictor, progress)
    }

    /// Predicts an image `[channel, depth, height, width]` and reduces it to labels `[depth, height, width]` by `rule`, voxel by
    /// voxel as soon as it is finished: the logits of the whole image never exist. Equal to [`MaskRule::apply`] on the result
    /// of [`predict`](SlidingWindow::predict), bit for bit.
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
        Run { window: self, region: None, image, device }.mask(rule, predictor, progress)
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
        let expected = sides(image);
        if expected != Dhw::from(mask.dim()) {
            return Err(InferenceError::Shape { what: "the mask to be written", expected, got: mask.dim().into() });
        }
        Run { window: self, region: None, image, device }.mask_into(rule, mask, predictor, progress)
    }

    /// Predicts an image `[channel, depth, height, width]` of classes that overlap: one mask `[class, depth, height, width]`
    /// for every channel, 1 where its sigmoid reaches the rule's threshold.
    ///
    /// # Errors
    /// As [`predict`](SlidingWindow::predict), and [`InferenceError::Parameter`] for a threshold outside 0..=1.
    pub fn predict_class_masks(
        &self,
        image: &ArrayView4<f32>,
        rule: MaskRule,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<u8>, InferenceError> {
        Run { window: self, region: None, image, device }.class_masks(rule, predictor, progress)
    }
}
