//! The windows over one image, and their cost.

mod cost;

use std::cmp::Ordering;

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;

use crate::config::{Padding, SlidingWindowConfig};
use crate::error::InferenceError;

pub(crate) use cost::RESULT_BYTES;
pub use cost::{ForwardCost, PlanCost, StitchingMemory, StitchingOnDevice};

/// Every order of the axes; among equals the first wins.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// The windows of one image, made by [`SlidingWindow::plan`](crate::SlidingWindow::plan): their number, their places and
/// the memory that stitching takes are known before any network runs.
///
/// On every axis windows start every [`scan_interval`](WindowPlan::scan_interval) voxels; the last is shifted back to end at the
/// border. They are swept in the order of axes that leaves the least unfinished, so needs the least memory: usually the longest
/// axis is the slowest.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct WindowPlan {
    shape: Dhw<usize>,
    padded: Dhw<usize>,
    padding: Dhw<(usize, usize)>,
    roi: Dhw<usize>,
    interval: Dhw<usize>,
    starts: Dhw<Vec<usize>>,
    /// Axes (0 the depth), slowest first.
    order: [usize; 3],
    batch: usize,
    full_batches: bool,
    mirrors: usize,
}

/// One axis of one window, in voxels of the padded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Start of the window.
    pub(crate) start: usize,
    /// Number of its first voxels that the window before covers too.
    pub(crate) shared: usize,
    /// Number of its first voxels that no later window covers.
    pub(crate) finished: usize,
}

/// The finished part of a window that lies inside the image.
pub(crate) struct Inside {
    /// In voxels of the image.
    pub(crate) region: BoxDhw,
    /// Voxels of padding before it.
    pub(crate) before: Dhw<usize>,
}

impl WindowPlan {
    /// Lays windows of checked settings over an image of `shape`.
    pub(crate) fn new(shape: Dhw<usize>, window: &SlidingWindowConfig) -> Result<Self, InferenceError> {
        if shape.to_array().contains(&0) {
            return Err(InferenceError::EmptyImage { channels: 1, shape });
        }
        let SlidingWindowConfig { roi, overlap, batch, full_batches, mirror, padding: mode, .. } = *window;
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
        let mirrors = 1 << mirror.to_array().into_iter().filter(|mirrored| *mirrored).count();
        let mut plan =
            Self { shape, padded, padding, roi, interval, starts, order: ORDERS[0], batch, full_batches, mirrors };
        plan.order = plan.thriftiest_order();
        Ok(plan)
    }

    /// Number of windows.
    #[expect(clippy::len_without_is_empty, reason = "a plan holds at least one window")]
    pub fn len(&self) -> usize {
        self.starts.d.len() * self.starts.h.len() * self.starts.w.len()
    }

    /// Number of batches; the predictor is called once for each, and once more for every mirror image.
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

    /// Largest number of voxels of a slab that [`Inference::slabs`](crate::Inference::slabs) hands on; each has a score of
    /// every class.
    pub fn slab_voxels(&self) -> usize {
        let (shape, slowest) = (self.shape.to_array(), self.order[0]);
        self.shape.voxels() / shape[slowest] * self.roi.to_array()[slowest].min(shape[slowest])
    }

    /// Windows in a full batch.
    pub(crate) fn batch_len(&self) -> usize {
        if self.full_batches { self.batch } else { self.batch.min(self.len()) }
    }

    /// Windows of all batches, those that fill up the last one included.
    pub(crate) fn slots(&self) -> usize {
        if self.full_batches { self.batches().saturating_mul(self.batch) } else { self.len() }
    }

    /// Times that each window is predicted: 2 for each mirrored axis.
    pub(crate) fn mirrors(&self) -> usize {
        self.mirrors
    }

    /// Axes in the order in which the windows are swept, slowest first.
    pub(crate) fn order(&self) -> [usize; 3] {
        self.order
    }

    /// Start of the window in voxels of the padded image.
    pub(crate) fn start(&self, index: usize) -> Dhw<usize> {
        self.position(index).zip(self.starts_by_axis()).map(|(position, starts)| starts[position])
    }

    /// The three axes of the window.
    pub(crate) fn spans(&self, index: usize) -> Dhw<Span> {
        self.position(index).zip(self.starts_by_axis()).zip(self.roi).map(|((position, starts), roi)| {
            let start = starts[position];
            let shared = position.checked_sub(1).map_or(0, |before| starts[before] + roi - start);
            let finished = starts.get(position + 1).map_or(roi, |next| next - start);
            Span { start, shared, finished }
        })
    }

    /// The part of the image that a window of these spans finishes.
    pub(crate) fn finished_inside(&self, spans: &Dhw<Span>) -> Inside {
        let axes = spans.zip(self.padding()).zip(self.shape()).map(|((span, (low, _)), size)| {
            let inside = |position: usize| position.clamp(low, low + size);
            let (start, end) = (inside(span.start), inside(span.start + span.finished));
            (start - low, end - start, if end > start { start - span.start } else { 0 })
        });
        let region = BoxDhw { start: axes.map(|(start, ..)| start as isize), size: axes.map(|(_, size, _)| size) };
        Inside { region, before: axes.map(|(.., before)| before) }
    }

    /// Shape of the sums that wait for the next window along `axis`: on that axis the widest overlap, on slower ones the window,
    /// on faster ones the whole image.
    pub(crate) fn waiting_shape(&self, axis: usize) -> Dhw<usize> {
        self.waiting_shape_in(self.order, axis)
    }

    fn waiting_shape_in(&self, order: [usize; 3], axis: usize) -> Dhw<usize> {
        let (roi, padded) = (self.roi.to_array(), self.padded.to_array());
        let starts = self.starts_by_axis().to_array();
        let rank = |axis: usize| order.iter().position(|other| *other == axis);
        Dhw::from([0, 1, 2].map(|other| match rank(other).cmp(&rank(axis)) {
            Ordering::Less => roi[other],
            Ordering::Equal => starts[axis].windows(2).map(|pair| pair[0] + roi[axis] - pair[1]).max().unwrap_or(0),
            Ordering::Greater => padded[other],
        }))
    }

    /// Voxels whose sums may wait at once.
    pub(crate) fn waiting_voxels(&self) -> u64 {
        self.waiting_voxels_in(self.order)
    }

    fn waiting_voxels_in(&self, order: [usize; 3]) -> u64 {
        let voxels = |shape: Dhw<usize>| shape.to_array().iter().fold(1_u64, |all, &n| all.saturating_mul(n as u64));
        order.into_iter().map(|axis| voxels(self.waiting_shape_in(order, axis))).fold(0, u64::saturating_add)
    }

    /// The order of axes with the fewest waiting voxels.
    fn thriftiest_order(&self) -> [usize; 3] {
        ORDERS.into_iter().min_by_key(|order| self.waiting_voxels_in(*order)).unwrap_or(ORDERS[0])
    }

    fn starts_by_axis(&self) -> Dhw<&Vec<usize>> {
        Dhw { d: &self.starts.d, h: &self.starts.h, w: &self.starts.w }
    }

    /// Number of windows along every axis, the slowest first.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let counts = self.starts_by_axis().map(Vec::len).to_array();
        self.order.map(|axis| counts[axis])
    }

    /// The window's number along every axis.
    fn position(&self, index: usize) -> Dhw<usize> {
        let [_, middle, fast] = self.counts();
        let mut position = [0; 3];
        for (axis, number) in self.order.into_iter().zip([index / fast / middle, index / fast % middle, index % fast]) {
            position[axis] = number;
        }
        Dhw::from(position)
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
