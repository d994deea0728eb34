//! Two stages: a coarse network finds the organ, a fine one draws it.

mod config;
mod fine;
mod output;
mod region;

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{BoxDhw, Connectivity, Interpolation, foreground_box, label_components, resize};
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, ArrayView4, Zip};

use crate::error::InferenceError;
use crate::predictor::{Predictor, run_predictor};
use crate::progress::Progress;
use crate::sliding_window::report;

pub use config::{CascadeConfig, Fallback, Growth};
pub use output::{CascadeOutput, CascadeReport, FallbackReason};
pub use region::map_box;

use fine::FineStage;
use region::{voxels_of, widened};

/// Two-stage prediction.
///
/// The image is resized (trilinear) to a small grid, where the coarse network sees all of it at once. The box of its mask,
/// widened by a margin, is mapped back to the image's grid, rounded outwards; the fine network runs over that part of the image
/// with a [`SlidingWindow`](crate::SlidingWindow), which pads a box smaller than the window; everything outside the box is
/// background.
///
/// A box can cut the organ without a sign of it in the mask. So [`CascadeConfig::safe`] looks whether the mask reaches a face
/// of its box and lets it grow ([`Growth`]), and searches the whole image where the coarse network found nothing or the two
/// networks disagree; [`CascadeReport`] says what happened. [`CascadeConfig::paper`] trusts the coarse network.
///
/// ```
/// use burn::tensor::Tensor;
/// use medseg_inference::{Cascade, CascadeConfig, Dhw, NoProgress, SlidingWindow};
/// use ndarray::Array3;
///
/// let mut image = Array3::<f32>::zeros((24, 20, 28));
/// image.slice_mut(ndarray::s![8..14, 5..12, 10..20]).fill(1.0);
///
/// let cascade = Cascade::new(CascadeConfig {
///     coarse_size: Dhw::splat(12),
///     window: SlidingWindow::new(Dhw::splat(8)),
///     ..CascadeConfig::safe()
/// })?;
/// let spacing = Dhw { d: 2.0, h: 1.0, w: 1.0 }; // millimetres
/// let mut network = |windows: Tensor<5>| windows - 0.5;
/// let device = burn::tensor::Device::flex();
/// let output =
///     cascade.predict(&image.view(), spacing, &device, &mut network.clone(), &mut network, &mut NoProgress)?;
/// assert_eq!(output.mask, image.mapv(|v| v as u8));
/// assert!(!output.report.coarse_missed && output.report.fallback.is_none());
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cascade {
    config: CascadeConfig,
}

impl Cascade {
    /// A cascade of checked parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a coarse side of 0, a length or share without meaning, or a wrong parameter of the
    /// rule or the sliding window; [`InferenceError::TooLarge`] for a coarse grid beyond any memory.
    pub fn new(config: CascadeConfig) -> Result<Self, InferenceError> {
        config.validate()?;
        Ok(Self { config })
    }

    /// The parameters.
    pub fn config(&self) -> &CascadeConfig {
        &self.config
    }

    /// Predicts one preprocessed image `[depth, height, width]` (intensities as both networks were trained with) whose voxels
    /// measure `spacing` millimetres.
    ///
    /// The coarse network gets a tensor `[1, 1, coarse_size]`. `progress` counts it as the first window and the windows of the
    /// fine network after it; the total rises when the box grows.
    ///
    /// # Errors
    /// What either predictor fails with, a wrong output shape, an empty image, a spacing that is not positive, or
    /// [`InferenceError::Cancelled`].
    pub fn predict(
        &self,
        image: &ArrayView3<f32>,
        spacing: Dhw<f64>,
        device: &Device,
        coarse: &mut (impl Predictor + ?Sized),
        fine: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<CascadeOutput, InferenceError> {
        let shape = Dhw::from(image.dim());
        if shape.to_array().contains(&0) {
            return Err(InferenceError::EmptyImage { channels: 1, shape });
        }
        check_spacing(spacing)?;
        let small = self.coarse_labels(image, device, coarse)?;
        let mut output = CascadeOutput {
            report: self.located(&small, shape, spacing),
            mask: Array3::zeros(image.dim()),
            coarse: small,
        };
        if output.report.roi.size.voxels() == 0 {
            report(progress, 1, 1)?;
            return Ok(output);
        }
        let mut fine = FineStage { config: &self.config, image, device, predictor: fine, progress };
        fine.draw(&mut output)?;
        if let Some(growth) = self.config.growth {
            fine.follow(growth, spacing, &mut output)?;
        }
        Ok(output)
    }

    /// The coarse network's labels on the coarse grid, without dirt.
    fn coarse_labels(
        &self,
        image: &ArrayView3<f32>,
        device: &Device,
        coarse: &mut (impl Predictor + ?Sized),
    ) -> Result<Array3<u8>, InferenceError> {
        let Dhw { d, h, w } = self.config.coarse_size;
        let small = resize(image, self.config.coarse_size, Interpolation::Trilinear { align_corners: false });
        let data = TensorData::new(small.into_raw_vec_and_offset().0, [1, 1, d, h, w]);
        let logits = run_predictor(coarse, Tensor::<5>::from_data(data, device))?;
        let shape = (logits.channels, d, h, w);
        let wrong_shape =
            |_| InferenceError::OutputShape { windows: [1, 1, d, h, w], got: [1, logits.channels, d, h, w] };
        let logits = ArrayView4::from_shape(shape, logits.values()?).map_err(wrong_shape)?;
        let mut labels = self.config.rule.apply(&logits)?;
        if self.config.min_component_share > 0.0 {
            remove_dirt(&mut labels, self.config.min_component_share);
        }
        Ok(labels)
    }

    /// Where the fine network has to look.
    fn located(&self, coarse: &Array3<u8>, shape: Dhw<usize>, spacing: Dhw<f64>) -> CascadeReport {
        let config = &self.config;
        let voxel_ml = shape.zip(spacing).zip(config.coarse_size).map(|((n, mm), to)| n as f64 * mm / to as f64);
        let voxel_ml = voxel_ml.to_array().into_iter().product::<f64>() / 1000.0;
        let coarse_ml = coarse.iter().filter(|&&label| label != 0).count() as f64 * voxel_ml;
        let found = foreground_box(&coarse.view(), |&label| label != 0, config.coarse_margin);
        let found = found.filter(|_| coarse_ml >= config.min_coarse_ml);
        let nothing = BoxDhw::whole(Dhw::splat(0));
        let coarse_roi = found.map_or(nothing, |found| {
            let all_faces = Dhw::splat((true, true));
            let exact = map_box(&found, config.coarse_size, shape);
            widened(&exact, all_faces, voxels_of(config.margin_mm, spacing), shape)
        });
        let missed = found.is_none();
        let fallback = (missed && config.fallback == Fallback::FullVolume).then_some(FallbackReason::CoarseMissed);
        let roi = if fallback.is_some() { BoxDhw::whole(shape) } else { coarse_roi };
        CascadeReport { coarse_missed: missed, coarse_ml, coarse_roi, roi, roi_grown: 0, fallback, windows: 0 }
    }
}

/// Sets the components below `share` of the largest one to 0.
fn remove_dirt(labels: &mut Array3<u8>, share: f64) {
    let components = label_components(&labels.mapv(|label| u8::from(label != 0)).view(), Connectivity::Vertex);
    let largest = components.sizes.iter().max().copied().unwrap_or(0) as f64;
    Zip::from(labels).and(&components.labels).for_each(|label, &number| {
        if number != 0 && (components.sizes[number as usize - 1] as f64) < share * largest {
            *label = 0;
        }
    });
}

/// Refuses a spacing that measures nothing.
pub(crate) fn check_spacing(spacing: Dhw<f64>) -> Result<(), InferenceError> {
    if spacing.to_array().into_iter().all(|side| side > 0.0 && side.is_finite()) {
        return Ok(());
    }
    Err(InferenceError::parameter("spacing", spacing, "has to be positive on every axis"))
}
