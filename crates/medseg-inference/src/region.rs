//! A sliding window that leaves out what lies outside a mask.

use burn::tensor::Device;
use ndarray::{Array3, Array4, ArrayView3, ArrayView4};

use crate::activation::Activation;
use crate::error::InferenceError;
use crate::predictor::Predictor;
use crate::progress::Progress;
use crate::rule::MaskRule;
use crate::run::Run;
use crate::sliding_window::SlidingWindow;

/// Made by [`SlidingWindow::within`]: predicts only windows that touch a region, such as the body. A voxel of the region gets
/// the same result as without, bit for bit, since every window that covers it is predicted; every other voxel is background.
#[derive(Clone, Copy, Debug)]
pub struct RegionWindow<'a> {
    pub(crate) window: SlidingWindow,
    pub(crate) region: ArrayView3<'a, u8>,
}

impl RegionWindow<'_> {
    /// As [`SlidingWindow::predict_mask`]; labels outside the region are 0. A region without a voxel gives an empty mask.
    ///
    /// # Errors
    /// As [`SlidingWindow::predict_mask`], and [`InferenceError::Shape`] if region and image differ in shape.
    pub fn predict_mask(
        &self,
        image: &ArrayView4<f32>,
        rule: MaskRule,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array3<u8>, InferenceError> {
        self.run(image, device).mask(rule, predictor, progress)
    }

    /// As [`SlidingWindow::predict_probabilities`]; outside the region every class has probability 0, with
    /// [`Activation::Softmax`] class 0 has 1.
    ///
    /// # Errors
    /// As [`SlidingWindow::predict_probabilities`], [`InferenceError::Shape`] if region and image differ in shape, and
    /// [`InferenceError::EmptyRegion`].
    pub fn predict_probabilities(
        &self,
        image: &ArrayView4<f32>,
        activation: Activation,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<f32>, InferenceError> {
        self.run(image, device).probabilities(activation, predictor, progress)
    }

    /// As [`SlidingWindow::predict_class_masks`]; outside the region every mask is 0.
    ///
    /// # Errors
    /// As [`SlidingWindow::predict_class_masks`], [`InferenceError::Shape`] if region and image differ in shape, and
    /// [`InferenceError::EmptyRegion`].
    pub fn predict_class_masks(
        &self,
        image: &ArrayView4<f32>,
        rule: MaskRule,
        device: &Device,
        predictor: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<Array4<u8>, InferenceError> {
        self.run(image, device).class_masks(rule, predictor, progress)
    }

    fn run<'s>(&'s self, image: &'s ArrayView4<'s, f32>, device: &'s Device) -> Run<'s> {
        Run { window: &self.window, region: Some(self.region.view()), image, device }
    }
}
