//! Two stages: a coarse network finds the organ, a fine one draws it.

use burn::tensor::{Device, Tensor, TensorData};
use medseg_transforms::{
    BoxDhw, Connectivity, Interpolation, foreground_box, keep_largest, resize, resize_nearest_exact,
};
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView3, ArrayView4, Axis, Zip, s};
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use crate::predictor::{Predictor, run_predictor};
use crate::progress::Progress;
use crate::rule::MaskRule;
use crate::sliding_window::{SlidingWindow, report};

/// What to do when the coarse mask is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Run the fine network over the whole image.
    #[default]
    FullVolume,
    /// Return an empty mask.
    EmptyMask,
}

/// Parameters of a [`Cascade`]. `Default` is [`paper`](CascadeConfig::paper).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CascadeConfig {
    /// Grid to which the whole image is resized for the coarse network.
    pub coarse_size: Dhw<usize>,
    /// Margin added around the coarse mask's box on every side, in voxels of the coarse grid.
    pub coarse_margin: Dhw<usize>,
    /// Whether only the largest component of the coarse mask (26-connected) counts.
    pub keep_largest_coarse: bool,
    /// Probability from which a voxel is foreground, in both stages (networks of one output channel).
    pub threshold: f32,
    /// What to do when the coarse mask is empty.
    pub fallback: Fallback,
    /// How the fine network runs over the box.
    pub window: SlidingWindow,
}

impl CascadeConfig {
    /// The experiments' values: coarse grid 128³, margin 2, every component, threshold 0.5, and windows of 128³ with overlap
    /// 0.25, constant blending, 4 a batch. What happens without a coarse mask they left open; here the fine network then
    /// runs over the whole image.
    pub fn paper() -> Self {
        Self {
            coarse_size: Dhw::splat(128),
            coarse_margin: Dhw::splat(2),
            keep_largest_coarse: false,
            threshold: 0.5,
            fallback: Fallback::FullVolume,
            window: SlidingWindow::default(),
        }
    }
}

impl Default for CascadeConfig {
    fn default() -> Self {
        Self::paper()
    }
}

/// Two-stage prediction.
///
/// The image is resized (trilinear) to a small grid, where the coarse network sees all of it at once. The box of its mask,
/// widened by a margin, is mapped back to the image's grid, rounded outwards; the fine network runs over that part of the image
/// with a [`SlidingWindow`], which pads a box smaller than the window; everything outside the box is background.
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
///     ..CascadeConfig::paper()
/// })?;
/// let mut network = |windows: Tensor<5>| windows - 0.5;
/// let output =
///     cascade.predict(&image.view(), &burn::tensor::Device::flex(), &mut network.clone(), &mut network, &mut NoProgress)?;
/// assert_eq!(output.mask, image.mapv(|v| v as u8));
/// assert!(!output.coarse_missed);
/// # Ok::<(), medseg_inference::InferenceError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade {
    config: CascadeConfig,
}

/// What a [`Cascade`] found, on the grid of its input.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeOutput {
    /// Labels of the fine network; 0 outside [`roi`](CascadeOutput::roi).
    pub mask: Array3<u8>,
    /// Labels of the coarse network, brought to the input's grid by the nearest voxel centre.
    pub coarse_mask: Array3<u8>,
    /// The part of the image that the fine network saw; of size 0 if it did not run.
    pub roi: BoxDhw,
    /// The coarse mask is empty.
    pub coarse_missed: bool,
    /// The coarse mask is empty and the fine network ran over the whole image ([`Fallback::FullVolume`]).
    pub fallback: bool,
}

impl Cascade {
    /// A cascade of checked parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a coarse side of 0, a threshold outside 0..=1, or a wrong parameter of the sliding
    /// window; [`InferenceError::TooLarge`] for a coarse grid beyond any memory.
    pub fn new(config: CascadeConfig) -> Result<Self, InferenceError> {
        if config.coarse_size.to_array().contains(&0) {
            return Err(InferenceError::parameter(
                "coarse_size",
                config.coarse_size,
                "every side has to be at least 1",
            ));
        }
        if config.coarse_size.voxels() > isize::MAX as usize / size_of::<f32>() {
            return Err(InferenceError::TooLarge { channels: 1, shape: config.coarse_size });
        }
        MaskRule { threshold: config.threshold }.validate()?;
        config.window.validate()?;
        Ok(Self { config })
    }

    /// The parameters.
    pub fn config(&self) -> &CascadeConfig {
        &self.config
    }

    /// Predicts one preprocessed image `[depth, height, width]` (intensities as both networks were trained with).
    ///
    /// The coarse network gets a tensor `[1, 1, coarse_size]`. `progress` counts it as the first window and the windows of the
    /// fine network after it.
    ///
    /// # Errors
    /// What either predictor fails with, a wrong output shape, an empty image, or [`InferenceError::Cancelled`].
    pub fn predict(
        &self,
        image: &ArrayView3<f32>,
        device: &Device,
        coarse: &mut (impl Predictor + ?Sized),
        fine: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
    ) -> Result<CascadeOutput, InferenceError> {
        let shape = Dhw::from(image.dim());
        if shape.to_array().contains(&0) {
            return Err(InferenceError::EmptyImage { channels: 1, shape });
        }
        let small = self.coarse_mask(image, device, coarse)?;
        let found = foreground_box(&small.view(), |&label| label != 0, self.config.coarse_margin);
        let roi = match (&found, self.config.fallback) {
            (Some(found), _) => map_box(found, self.config.coarse_size, shape),
            (None, Fallback::FullVolume) => BoxDhw::whole(shape),
            (None, Fallback::EmptyMask) => BoxDhw::whole(Dhw::splat(0)),
        };
        let mut output = CascadeOutput {
            mask: Array3::zeros(image.dim()),
            coarse_mask: resize_nearest_exact(&small.view(), shape),
            roi,
            coarse_missed: found.is_none(),
            fallback: found.is_none() && self.config.fallback == Fallback::FullVolume,
        };
        if output.coarse_missed && !output.fallback {
            report(progress, 1, 1)?;
        } else {
            self.draw(image, device, fine, progress, &mut output)?;
        }
        Ok(output)
    }

    /// The coarse network's labels on the coarse grid.
    fn coarse_mask(
        &self,
        image: &ArrayView3<f32>,
        device: &Device,
        coarse: &mut (impl Predictor + ?Sized),
    ) -> Result<Array3<u8>, InferenceError> {
        let Dhw { d, h, w } = self.config.coarse_size;
        let small = resize(image, self.config.coarse_size, Interpolation::Trilinear { align_corners: false });
        let data = TensorData::new(small.into_iter().collect::<Vec<f32>>(), [1, 1, d, h, w]);
        let logits = run_predictor(coarse, Tensor::<5>::from_data(data, device))?;
        let shape = (logits.channels, d, h, w);
        let wrong_shape =
            |_| InferenceError::OutputShape { windows: [1, 1, d, h, w], got: [1, logits.channels, d, h, w] };
        let logits = ArrayView4::from_shape(shape, logits.values()?).map_err(wrong_shape)?;
        let mut mask = self.rule().apply(&logits)?;
        if self.config.keep_largest_coarse {
            let mut largest = mask.mapv(|label| u8::from(label != 0));
            keep_largest(&mut largest, Connectivity::Vertex);
            Zip::from(&mut mask).and(&largest).for_each(|label, &kept| *label *= kept);
        }
        Ok(mask)
    }

    /// Runs the fine network over the box and writes its labels there.
    fn draw(
        &self,
        image: &ArrayView3<f32>,
        device: &Device,
        fine: &mut (impl Predictor + ?Sized),
        progress: &mut (impl Progress + ?Sized),
        output: &mut CascadeOutput,
    ) -> Result<(), InferenceError> {
        let (start, end) = (output.roi.start, output.roi.end());
        let part = s![start.d..end.d, start.h..end.h, start.w..end.w];
        self.config.window.predict_mask_into(
            &image.slice(part).insert_axis(Axis(0)),
            self.rule(),
            output.mask.slice_mut(part),
            device,
            fine,
            &mut |done: usize, total: usize| progress.report(done + 1, total + 1),
        )
    }

    fn rule(&self) -> MaskRule {
        MaskRule { threshold: self.config.threshold }
    }
}

/// Maps a box from a grid of `from` voxels to one of `to` voxels over the same physical extent: what of it lies inside the
/// grid, its start rounded down and its end up, so that no part is lost.
///
/// ```
/// use medseg_inference::{BoxDhw, Dhw, map_box};
///
/// let small = BoxDhw { start: Dhw { d: -1, h: 1, w: 3 }, size: Dhw { d: 3, h: 2, w: 9 } };
/// let large = map_box(&small, Dhw::splat(4), Dhw { d: 4, h: 10, w: 40 });
/// assert_eq!(large.start, Dhw { d: 0, h: 2, w: 30 });
/// assert_eq!(large.size, Dhw { d: 2, h: 6, w: 10 });
/// ```
pub fn map_box(region: &BoxDhw, from: Dhw<usize>, to: Dhw<usize>) -> BoxDhw {
    let axes = region.start.zip(region.size).zip(from.zip(to));
    let axes = axes.map(|((start, size), (from, to))| map_axis(start, size, from, to));
    BoxDhw { start: axes.map(|(start, _)| start), size: axes.map(|(_, size)| size) }
}

/// One axis of [`map_box`]: start and size.
fn map_axis(start: isize, size: usize, from: usize, to: usize) -> (isize, usize) {
    let inside = |edge: i128| edge.clamp(0, from as i128) as u128;
    let (first, end) = (inside(start as i128), inside(start as i128 + size as i128));
    let (to, from) = (to as u128, from.max(1) as u128);
    let low = first * to / from;
    let high = (end * to).div_ceil(from);
    (low as isize, (high - low) as usize)
}
