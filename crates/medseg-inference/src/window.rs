//! Inference on an image of any size by a network that takes windows of one size.

use burn::tensor::Device;
use medseg_volume::Dhw;
use ndarray::ArrayView4;

use crate::config::{SlidingWindowConfig, Stitch};
use crate::error::InferenceError;
use crate::inference::Inference;
use crate::plan::{ForwardCost, WindowPlan};
use crate::predictor::Predictor;

/// A sliding window of checked settings, made by [`SlidingWindowConfig::init`].
///
/// Overlapping windows are predicted in batches and averaged with the weights of [`Blend`](crate::Blend). An image smaller than
/// the window is padded and the result cut back. Peak memory beside the image and the network is one batch of windows and of
/// logits, the sums that wait for later windows, and the result ([`WindowPlan::memory`]).
///
/// On a GPU the image is uploaded once, windows are cut out, added up, averaged and reduced there, and only the result comes
/// back ([`Stitch`], [`WindowPlan::device_memory`]). Progress then counts windows given to the device, which may lag behind.
///
/// The result depends neither on the number of threads nor on the number of windows in a batch, as far as the network's own
/// does not.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_inference::{Dhw, SlidingWindowConfig};
/// use ndarray::Array4;
///
/// let image = Array4::from_shape_fn((1, 10, 12, 14), |(_, z, y, x)| (z * y + x) as f32);
/// let window = SlidingWindowConfig::new(Dhw::splat(8)).with_overlap(0.5).init()?;
/// let mut network = |windows: Tensor<5>| windows * 2.0;
/// let logits = window.infer(image.view(), &Device::flex(), &mut network).logits()?;
/// assert_eq!(logits, image * 2.0);
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlidingWindow {
    config: SlidingWindowConfig,
}

impl SlidingWindowConfig {
    /// Makes the sliding window.
    ///
    /// # Errors
    /// As [`validate`](SlidingWindowConfig::validate).
    pub fn init(&self) -> Result<SlidingWindow, InferenceError> {
        self.validate()?;
        Ok(SlidingWindow { config: *self })
    }
}

impl SlidingWindow {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &SlidingWindowConfig {
        &self.config
    }

    /// Lays the windows over an image of `shape`.
    ///
    /// ```
    /// use medseg_inference::{Dhw, SlidingWindowConfig};
    ///
    /// let plan = SlidingWindowConfig::default().init()?.plan(Dhw { d: 400, h: 512, w: 512 })?;
    /// assert_eq!(plan.starts().d, [0, 96, 192, 272]);
    /// assert_eq!((plan.len(), plan.batches()), (100, 25));
    /// assert!(plan.memory(1, 1).accumulator < 128 * 512 * 512 * 4 / 2);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// [`InferenceError::EmptyImage`], [`InferenceError::ReflectionTooWide`] or [`InferenceError::TooLarge`] where the image
    /// does not allow it.
    pub fn plan(&self, shape: Dhw<usize>) -> Result<WindowPlan, InferenceError> {
        WindowPlan::new(shape, &self.config)
    }

    /// Prepares the prediction of an image `[channel, depth, height, width]`. `device` is the network's: windows are tensors
    /// there.
    ///
    /// Nothing runs before one of the results is asked for: [`logits`](Inference::logits),
    /// [`probabilities`](Inference::probabilities), [`mask`](Inference::mask), [`mask_into`](Inference::mask_into) or
    /// [`class_masks`](Inference::class_masks).
    pub fn infer<'a>(
        &self,
        image: ArrayView4<'a, f32>,
        device: &'a Device,
        network: &'a mut dyn Predictor,
    ) -> Inference<'a> {
        Inference::new(self.config, image, device, network)
    }

    /// The same window with the largest batch, at most the present one, that keeps the peak of
    /// [`mask`](Inference::mask) on an image of `shape` within `budget` bytes, not counting the image and the network's
    /// weights. The budget is the host's, or the device's with [`Stitch::Device`], which counts the image there.
    ///
    /// ```
    /// use medseg_inference::{Dhw, ForwardCost, InferenceError, SlidingWindowConfig};
    ///
    /// let network = ForwardCost { in_channels: 1, out_channels: 14, flops: 0, bytes: 500 << 20 };
    /// let (shape, window) = (Dhw { d: 256, h: 512, w: 512 }, SlidingWindowConfig::default().init()?);
    /// assert_eq!(window.within_budget(shape, &network, 2_000_000_000)?.config().batch, 2);
    /// let error = window.within_budget(shape, &network, 1_000_000_000).unwrap_err();
    /// assert!(matches!(error, InferenceError::OverBudget { needed, .. } if needed > 1_000_000_000));
    /// # Ok::<(), InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`plan`](SlidingWindow::plan), and [`InferenceError::OverBudget`] with the bytes needed if one window a batch is
    /// still too much.
    pub fn within_budget(&self, shape: Dhw<usize>, network: &ForwardCost, budget: u64) -> Result<Self, InferenceError> {
        let with_batch = |batch| Self { config: self.config.with_batch(batch) };
        let needed = |batch| {
            let cost = with_batch(batch).plan(shape)?.cost(network);
            let on_device = self.config.stitch == Stitch::Device;
            Ok(if on_device { cost.bytes_on_device() } else { cost.bytes_for_mask() })
        };
        if needed(self.config.batch)? <= budget {
            return Ok(*self);
        }
        let (mut fits, mut too_many) = (0, self.config.batch);
        while too_many - fits > 1 {
            let batch = fits + (too_many - fits) / 2;
            if needed(batch)? <= budget { fits = batch } else { too_many = batch }
        }
        match fits {
            0 => Err(InferenceError::OverBudget { needed: needed(1)?, budget }),
            batch => Ok(with_batch(batch)),
        }
    }
}
