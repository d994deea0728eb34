//! Where the windows lie, and what they will cost.

use std::ops::Range;

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;

use crate::error::InferenceError;
use crate::padding::Padding;

/// The windows of one image, made by [`SlidingWindow::plan`](crate::SlidingWindow::plan): enough to tell, before any network
/// runs, how many windows there are and how much memory stitching them takes.
///
/// Windows are ordered with the first axis slowest. On every axis they start every
/// [`scan_interval`](WindowPlan::scan_interval) voxels; the last is shifted back to end at the border.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowPlan {
    shape: Dhw<usize>,
    padded: Dhw<usize>,
    padding: Dhw<(usize, usize)>,
    roi: Dhw<usize>,
    interval: Dhw<usize>,
    starts: Dhw<Vec<usize>>,
    batch: usize,
}

/// Bytes that stitching holds besides the image and whatever the network needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StitchingMemory {
    /// One batch of windows given to the predictor.
    pub windows: u64,
    /// One batch of logits from the predictor.
    pub logits: u64,
    /// Sums of weighted logits: one window's depth of whole planes, every class.
    pub accumulator: u64,
    /// The result, if the logits are wanted.
    pub result_logits: u64,
    /// The result, if only the mask is wanted.
    pub result_mask: u64,
}

impl StitchingMemory {
    /// Peak of [`SlidingWindow::predict`](crate::SlidingWindow::predict), bytes.
    pub fn for_logits(&self) -> u64 {
        self.working().saturating_add(self.result_logits)
    }

    /// Peak of [`SlidingWindow::predict_mask`](crate::SlidingWindow::predict_mask), bytes.
    pub fn for_mask(&self) -> u64 {
        self.working().saturating_add(self.result_mask)
    }

    fn working(&self) -> u64 {
        self.windows.saturating_add(self.logits).saturating_add(self.accumulator)
    }
}

impl WindowPlan {
    /// Lays windows of checked parameters over an image of `shape` (no side 0).
    pub(crate) fn new(
        shape: Dhw<usize>,
        roi: Dhw<usize>,
        overlap: Dhw<f64>,
        batch: usize,
        mode: Padding,
    ) -> Result<Self, InferenceError> {
        let padding = shape.zip(roi).map(|(size, roi)| axis_padding(size, roi));
        let padded = shape.zip(roi).map(|(size, roi)| size.max(roi));
        let voxels = padded.d.checked_mul(padded.h).and_then(|n| n.checked_mul(padded.w));
        if voxels.is_none_or(|n| n > isize::MAX as usize / size_of::<f32>()) {
            return Err(InferenceError::TooLarge { channels: 1, shape: padded });
        }
        let too_wide = |(size, (low, high)): (usize, (usize, usize))| high >= size && low + high > 0;
        if mode == Padding::Reflect && shape.zip(padding).to_array().into_iter().any(too_wide) {
            return Err(InferenceError::ReflectionTooWide { shape, padded });
        }
        let sizes = padded.zip(roi);
        let interval = sizes.zip(overlap).map(|((padded, roi), overlap)| scan_interval(padded, roi, overlap));
        let starts = sizes.zip(interval).map(|((padded, roi), interval)| axis_starts(padded, roi, interval));
        Ok(Self { shape, padded, padding, roi, interval, starts, batch })
    }

    /// Number of windows.
    #[expect(clippy::len_without_is_empty, reason = "a plan holds at least one window")]
    pub fn len(&self) -> usize {
        self.starts.d.len() * self.layer_len()
    }

    /// Number of calls of the predictor.
    pub fn batches(&self) -> usize {
        self.len().div_ceil(self.batch)
    }

    /// Shape of the image.
    pub fn shape(&self) -> Dhw<usize> {
        self.shape
    }

    /// Shape of the image after padding: at least the window on every axis.
    pub fn padded_shape(&self) -> Dhw<usize> {
        self.padded
    }

    /// Voxels added before and after the image on every axis, where the window is larger than it; an odd difference puts the
    /// extra voxel after.
    pub fn padding(&self) -> Dhw<(usize, usize)> {
        self.padding
    }

    /// Shape of a window.
    pub fn roi(&self) -> Dhw<usize> {
        self.roi
    }

    /// Distance between the starts of neighbouring windows: `trunc(roi · (1 - overlap))`, at least 1; the window itself where
    /// it covers the axis.
    pub fn scan_interval(&self) -> Dhw<usize> {
        self.interval
    }

    /// Starts of the windows on every axis, in voxels of the padded image, ascending.
    pub fn starts(&self) -> &Dhw<Vec<usize>> {
        &self.starts
    }

    /// The windows in the order in which they are predicted, in voxels of the image: they reach outside where it is padded.
    pub fn windows(&self) -> impl ExactSizeIterator<Item = BoxDhw> + '_ {
        (0..self.len()).map(|index| {
            let start = self.start(index).zip(self.padding).map(|(start, (low, _))| start as isize - low as isize);
            BoxDhw { start, size: self.roi }
        })
    }

    /// Memory for an image of `channels_in` and a predictor of `channels_out` channels.
    ///
    /// The accumulator holds as many planes as a window is deep, not the whole volume: planes are divided, reduced and
    /// released as soon as no later window touches them.
    pub fn memory(&self, channels_in: usize, channels_out: usize) -> StitchingMemory {
        const FLOAT: u64 = size_of::<f32>() as u64;
        let product = |factors: &[usize]| factors.iter().fold(1_u64, |all, &n| all.saturating_mul(n as u64));
        let batch = self.batch_len();
        let roi = product(&[self.roi.d, self.roi.h, self.roi.w]);
        let image = product(&[self.shape.d, self.shape.h, self.shape.w]);
        StitchingMemory {
            windows: product(&[batch, channels_in]).saturating_mul(roi).saturating_mul(FLOAT),
            logits: product(&[batch, channels_out]).saturating_mul(roi).saturating_mul(FLOAT),
            accumulator: product(&[channels_out, self.roi.d, self.padded.h, self.padded.w]).saturating_mul(FLOAT),
            result_logits: product(&[channels_out]).saturating_mul(image).saturating_mul(FLOAT),
            result_mask: image,
        }
    }

    /// Windows in a full batch.
    pub(crate) fn batch_len(&self) -> usize {
        self.batch.min(self.len())
    }

    /// Windows that share one start along the depth.
    pub(crate) fn layer_len(&self) -> usize {
        self.starts.h.len() * self.starts.w.len()
    }

    /// Start of the window in voxels of the padded image.
    pub(crate) fn start(&self, index: usize) -> Dhw<usize> {
        let columns = self.starts.w.len();
        Dhw {
            d: self.starts.d[index / self.layer_len()],
            h: self.starts.h[index / columns % self.starts.h.len()],
            w: self.starts.w[index % columns],
        }
    }

    /// Ranges of window numbers, one per call of the predictor.
    pub(crate) fn batch_ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (total, batch) = (self.len(), self.batch);
        (0..self.batches()).map(move |index| index * batch..total.min((index + 1).saturating_mul(batch)))
    }
}

/// Padding of one axis when the window is larger than the image.
fn axis_padding(size: usize, roi: usize) -> (usize, usize) {
    let missing = roi.saturating_sub(size);
    (missing / 2, missing - missing / 2)
}

/// MONAI's `_get_scan_interval` on one axis: truncated, in f64.
fn scan_interval(padded: usize, roi: usize, overlap: f64) -> usize {
    if padded == roi { roi } else { ((roi as f64 * (1.0 - overlap)) as usize).max(1) }
}

/// Starts of the windows on one axis, the last one shifted back to end at the border.
fn axis_starts(padded: usize, roi: usize, interval: usize) -> Vec<usize> {
    let last = padded - roi;
    (0..last).step_by(interval).chain([last]).collect()
}
