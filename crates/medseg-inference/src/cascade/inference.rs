//! One inference of a cascade on one image.

use burn::tensor::Device;
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView4};

use super::config::CascadeConfig;
use super::draw::Drawing;
use super::locate::{coarse_labels, located};
use super::output::{CascadeOutput, Located};
use crate::error::InferenceError;
use crate::predictor::Predictor;
use crate::progress::{Progress, report};
use crate::window::SlidingWindow;

/// Names of the two stages in errors.
const COARSE: &str = "coarse";
const FINE: &str = "fine";

/// A cascade and an image, made by [`Cascade::infer`](crate::Cascade::infer); the methods that return a result run it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_inference::{CascadeConfig, Dhw, Geometry, SlidingWindowConfig};
/// use ndarray::{Array3, s};
///
/// let mut image = Array3::<f32>::zeros((24, 24, 24));
/// image.slice_mut(s![8..16, 8..16, 8..16]).fill(1.0);
/// let cascade = CascadeConfig::reference().init(Dhw::splat(12), &SlidingWindowConfig::default())?;
/// let mut coarse = |windows: Tensor<5>| windows - 0.5;
/// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
/// let located = cascade.infer(image.view(), &geometry, &Device::flex()).locate(&mut coarse)?;
/// // The organ's 4 voxels on the coarse grid with a margin of 2, each 2 voxels of the image.
/// assert_eq!(located.roi().size, Dhw::splat(16));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is predicted until a result is asked for"]
pub struct CascadeInference<'a> {
    pub(super) config: CascadeConfig,
    pub(super) coarse_size: Dhw<usize>,
    pub(super) window: SlidingWindow,
    /// `[channel, depth, height, width]`.
    pub(super) image: ArrayView4<'a, f32>,
    /// Millimetres between planes of voxels.
    pub(super) planes: Dhw<f64>,
    pub(super) voxel_mm3: f64,
    pub(super) device: &'a Device,
    pub(super) progress: Option<&'a mut dyn Progress>,
    pub(super) probabilities: bool,
}

impl<'a> CascadeInference<'a> {
    /// Reports the progress: the coarse pass counts as the first window, the windows of the fine network follow. The total
    /// rises when the box grows. The listener may stop the inference.
    pub fn progress(mut self, progress: &'a mut dyn Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Asks for the fine network's probabilities too, in [`CascadeOutput::probabilities`]; 4 bytes a class and voxel of the image.
    pub fn with_probabilities(mut self, wanted: bool) -> Self {
        self.probabilities = wanted;
        self
    }

    /// Predicts the labels: [`locate`](CascadeInference::locate), then [`draw`](CascadeInference::draw).
    ///
    /// # Errors
    /// As its two halves.
    pub fn predict(
        self,
        coarse: &mut dyn Predictor,
        fine: &mut dyn Predictor,
    ) -> Result<CascadeOutput, InferenceError> {
        let located = self.locate(coarse)?;
        self.draw(located, fine)
    }

    /// Finds the box in which the fine network looks. The coarse network gets one tensor `[1, channels, coarse_size]`.
    ///
    /// # Errors
    /// [`InferenceError::EmptyImage`]; failures of the network and an output of another shape than its input.
    pub fn locate(&self, coarse: &mut dyn Predictor) -> Result<Located, InferenceError> {
        let (channels, d, h, w) = self.image.dim();
        let shape = Dhw { d, h, w };
        if channels == 0 || shape.to_array().contains(&0) {
            return Err(InferenceError::EmptyImage { channels, shape });
        }
        let labels = coarse_labels(&self.config, self.coarse_size, &self.image, self.device, coarse);
        let labels = labels.map_err(|error| error.in_stage(COARSE))?;
        let report = located(&self.config, &labels, shape, self.planes, self.voxel_mm3);
        Ok(Located { coarse: labels, report })
    }

    /// Draws the organ in the box of the same image that [`locate`](CascadeInference::locate) found, and lets the box grow as
    /// the settings say.
    ///
    /// # Errors
    /// Failures of the network, an output of another shape than its input, or [`InferenceError::Cancelled`].
    pub fn draw(mut self, located: Located, fine: &mut dyn Predictor) -> Result<CascadeOutput, InferenceError> {
        let Located { coarse, report: found } = located;
        let (_, d, h, w) = self.image.dim();
        let mut output = CascadeOutput { mask: Array3::zeros((d, h, w)), coarse, probabilities: None, report: found };
        if output.report.roi.size.voxels() == 0 {
            report(&mut self.progress, 1, 1)?;
            return Ok(output);
        }
        let Self { config, window, image, planes, device, progress, probabilities, .. } = self;
        let rule = config.rule.clone();
        let mask_channel = config.mask_channel;
        let mut drawing = Drawing { window, rule, image, device, network: fine, progress, probabilities, mask_channel };
        let drawn = drawing.draw(&mut output).and_then(|()| match config.growth {
            Some(growth) => drawing.follow(growth, planes, &mut output),
            None => Ok(()),
        });
        drawn.map_err(|error| error.in_stage(FINE))?;
        Ok(output)
    }
}
