//! Two stages: a coarse network finds the organ, a fine one draws it.

mod config;
mod draw;
mod inference;
mod locate;
mod mask_channel;
mod output;
mod region;

use burn::tensor::Device;
use medseg_volume::{Dhw, Geometry};
use ndarray::{ArrayView3, ArrayView4, Axis};

use crate::config::SlidingWindowConfig;
use crate::error::InferenceError;
use crate::window::SlidingWindow;

pub use config::{CascadeConfig, Fallback, Growth};
pub use inference::CascadeInference;
pub use mask_channel::image_and_mask;
pub use output::{CascadeOutput, CascadeReport, FallbackReason, Located};
pub use region::map_box;

/// Two-stage prediction, made by [`CascadeConfig::init`].
///
/// The image is resized (trilinear) to a small grid, where the coarse network sees all of it at once. The box of its mask,
/// widened by a margin, is mapped back to the image's grid, rounded outwards. The fine network runs over that part of the image
/// with a [`SlidingWindow`], which pads a box smaller than the window. Everything outside the box is background. With
/// [`mask_channel`](CascadeConfig::mask_channel) it gets the coarse mask as a channel behind the image's.
///
/// A box can cut the organ without a sign of it in the mask. So [`CascadeConfig::safe`] looks whether the mask reaches a face
/// of its box and lets it grow ([`Growth`]), and searches the whole image where the coarse network found nothing or the two
/// networks disagree; [`CascadeReport`] records it. [`CascadeConfig::reference`] trusts the coarse network.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_inference::{CascadeConfig, Dhw, Geometry, SlidingWindowConfig};
/// use ndarray::Array3;
///
/// let mut image = Array3::<f32>::zeros((24, 20, 28));
/// image.slice_mut(ndarray::s![8..14, 5..12, 10..20]).fill(1.0);
///
/// let cascade = CascadeConfig::safe().init(Dhw::splat(12), &SlidingWindowConfig::new(Dhw::splat(8)))?;
/// let geometry = Geometry::from_spacing(Dhw { d: 2.0, h: 1.0, w: 1.0 })?; // millimetres
/// let (mut coarse, mut fine) = (|windows: Tensor<5>| windows - 0.5, |windows: Tensor<5>| windows - 0.5);
/// let output = cascade.infer(image.view(), &geometry, &Device::flex()).predict(&mut coarse, &mut fine)?;
/// assert_eq!(output.mask, image.mapv(|v| v as u8));
/// assert!(!output.report.coarse_missed && output.report.fallback.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    config: CascadeConfig,
    coarse_size: Dhw<usize>,
    window: SlidingWindow,
}

impl CascadeConfig {
    /// Makes a cascade: the whole image is resized to `coarse_size` voxels for the coarse network, and the fine network runs
    /// over the box with `window`.
    ///
    /// # Errors
    /// As [`validate`](CascadeConfig::validate) and [`SlidingWindowConfig::validate`]; [`InferenceError::Parameter`] for a
    /// coarse grid without voxels, [`InferenceError::TooLarge`] for one beyond any memory.
    pub fn init(&self, coarse_size: Dhw<usize>, window: &SlidingWindowConfig) -> Result<Cascade, InferenceError> {
        self.validate()?;
        if coarse_size.to_array().contains(&0) {
            return Err(InferenceError::parameter(
                "coarse_size",
                coarse_size,
                "must be at least 1 voxel along every axis",
            ));
        }
        if coarse_size.voxels() > isize::MAX as usize / size_of::<f32>() {
            return Err(InferenceError::TooLarge { channels: 1, shape: coarse_size });
        }
        Ok(Cascade { config: self.clone(), coarse_size, window: window.init()? })
    }
}

impl Cascade {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &CascadeConfig {
        &self.config
    }

    /// Grid to which the whole image is resized for the coarse network, voxels.
    #[must_use]
    pub fn coarse_size(&self) -> Dhw<usize> {
        self.coarse_size
    }

    /// The sliding window of the fine network.
    #[must_use]
    pub fn window(&self) -> &SlidingWindow {
        &self.window
    }

    /// Prepares the prediction of one preprocessed image `[depth, height, width]` (intensities as both networks were trained
    /// with) on the grid of `geometry`, by which margins and volumes are measured. `device` is the networks'.
    ///
    /// Nothing runs before [`predict`](CascadeInference::predict), or its halves [`locate`](CascadeInference::locate) and
    /// [`draw`](CascadeInference::draw).
    pub fn infer<'a>(
        &self,
        image: ArrayView3<'a, f32>,
        geometry: &Geometry,
        device: &'a Device,
    ) -> CascadeInference<'a> {
        self.infer_channels(image.insert_axis(Axis(0)), geometry, device)
    }

    /// As [`infer`](Self::infer), for an image `[channel, depth, height, width]` of several channels, all of which both networks
    /// get.
    pub fn infer_channels<'a>(
        &self,
        image: ArrayView4<'a, f32>,
        geometry: &Geometry,
        device: &'a Device,
    ) -> CascadeInference<'a> {
        let (config, coarse_size, window) = (self.config.clone(), self.coarse_size, self.window);
        let (planes, voxel_mm3) = (geometry.plane_spacing(), geometry.voxel_volume_mm3());
        CascadeInference {
            config,
            coarse_size,
            window,
            image,
            planes,
            voxel_mm3,
            device,
            progress: None,
            probabilities: false,
        }
    }
}
