//! Adds up weighted windows plane by plane and hands every plane on as soon as no later window touches it.

use std::ops::Range;

use medseg_volume::Dhw;
use rayon::prelude::*;

use crate::blend::{Blend, Importance};
use crate::error::InferenceError;
use crate::plan::WindowPlan;

/// Receives the planes of the result in ascending depth, each exactly once.
pub(crate) trait PlaneSink {
    /// The predictor's number of channels is known: makes room for the result.
    fn open(&mut self, channels: usize) -> Result<(), InferenceError>;

    /// Takes the planes `depths` of the image. `plane` may be called from any thread, once for each depth.
    fn accept<'p>(&mut self, depths: Range<usize>, plane: impl Fn(usize) -> FinishedPlane<'p> + Sync);
}

/// The accumulator.
///
/// Windows come with the depth slowest, so at any time only the planes of one window's depth are open. They live in a ring:
/// plane `d` of the padded image in slot `d % roi.d`, a slot holding `[channel, height, width]`. The sum of the weights is not
/// accumulated at all: being the same sum over a grid of windows for every channel, it is cheaper to recompute for each plane
/// from three nested one-axis sums when the plane is finished.
///
/// Every voxel receives its windows in the plan's order from a single thread, so the sums do not depend on the number of
/// threads or on the size of the batches.
pub(crate) struct Stitcher<'a> {
    plan: &'a WindowPlan,
    importance: Importance,
    channels: usize,
    ring: Vec<f32>,
    /// First plane of the padded image that is still open.
    open_from: usize,
}

impl<'a> Stitcher<'a> {
    pub(crate) fn new(plan: &'a WindowPlan, blend: Blend, channels: usize) -> Result<Self, InferenceError> {
        let (roi, padded) = (plan.roi(), plan.padded_shape());
        let len = [roi.d, padded.h, padded.w].into_iter().try_fold(channels, usize::checked_mul);
        let len = len.filter(|&len| len <= isize::MAX as usize / size_of::<f32>());
        let len = len.ok_or(InferenceError::TooLarge { channels, shape: padded })?;
        Ok(Self { plan, importance: Importance::new(blend, roi), channels, ring: vec![0.0; len], open_from: 0 })
    }

    /// The number of channels it was made for.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Adds the logits (`[window, channel, depth, height, width]`) of the next windows of the plan.
    pub(crate) fn add(&mut self, windows: Range<usize>, logits: &[f32], sink: &mut impl PlaneSink) {
        let roi = self.plan.roi();
        let window_len = self.channels * roi.d * roi.h * roi.w;
        let layer_len = self.plan.layer_len();
        let mut next = windows.start;
        while next < windows.end {
            let layer = next / layer_len;
            let end = windows.end.min((layer + 1) * layer_len);
            let depth = self.plan.starts().d[layer];
            if depth > self.open_from {
                self.advance_to(depth, sink);
            }
            let offset = (next - windows.start) * window_len;
            self.scatter(next..end, &logits[offset..offset + (end - next) * window_len]);
            next = end;
        }
    }

    /// Hands on the planes that are still open.
    pub(crate) fn finish(self, sink: &mut impl PlaneSink) {
        self.hand_on(self.open_from..self.plan.padded_shape().d, sink);
    }

    /// Adds windows that start at the same depth.
    fn scatter(&mut self, windows: Range<usize>, logits: &[f32]) {
        let (roi, padded, channels) = (self.plan.roi(), self.plan.padded_shape(), self.channels);
        let depth = self.plan.start(windows.start).d;
        let (plan, importance) = (self.plan, &self.importance);
        self.ring.par_chunks_mut(padded.h * padded.w).enumerate().for_each(|(index, plane)| {
            let (slot, channel) = (index / channels, index % channels);
            let z = (slot + roi.d - depth % roi.d) % roi.d;
            for (number, window) in windows.clone().zip(logits.chunks_exact(channels * roi.d * roi.h * roi.w)) {
                let start = plan.start(number);
                let layer = &window[(channel * roi.d + z) * roi.h * roi.w..][..roi.h * roi.w];
                for (y, values) in layer.chunks_exact(roi.w).enumerate() {
                    let sums = &mut plane[(start.h + y) * padded.w + start.w..][..roi.w];
                    importance.row(z, y).add_weighted(sums, values);
                }
            }
        });
    }

    /// Hands on the open planes below `depth` and makes their slots ready for the planes that follow.
    fn advance_to(&mut self, depth: usize, sink: &mut impl PlaneSink) {
        self.hand_on(self.open_from..depth, sink);
        let slots = self.plan.roi().d;
        let slot_len = self.ring.len() / slots;
        let (first, closed) = (self.open_from % slots, depth - self.open_from);
        self.ring.par_chunks_mut(slot_len).enumerate().for_each(|(slot, sums)| {
            if (slot + slots - first) % slots < closed {
                sums.fill(0.0);
            }
        });
        self.open_from = depth;
    }

    /// Gives the planes of the padded image to the sink, but for those of the padding.
    fn hand_on(&self, planes: Range<usize>, sink: &mut impl PlaneSink) {
        let low = self.plan.padding().d.0;
        let inside = |plane: usize| plane.clamp(low, low + self.plan.shape().d) - low;
        let depths = inside(planes.start)..inside(planes.end);
        if !depths.is_empty() {
            sink.accept(depths, |depth| self.plane(depth + low));
        }
    }

    fn plane(&self, depth: usize) -> FinishedPlane<'_> {
        let slot_len = self.ring.len() / self.plan.roi().d;
        let slot = depth % self.plan.roi().d;
        FinishedPlane {
            sums: &self.ring[slot * slot_len..(slot + 1) * slot_len],
            weights: self.weight_sums(depth),
            plan: self.plan,
        }
    }

    /// Sum of the weights of all windows over one plane of the padded image, `[height, width]`: first over the windows along the
    /// depth, then, row by row, over those along the height, then over those along the width. Exact for any importance map.
    fn weight_sums(&self, depth: usize) -> Vec<f32> {
        let Dhw { d: _, h: roi_h, w: roi_w } = self.plan.roi();
        let (padded, starts) = (self.plan.padded_shape(), self.plan.starts());
        let mut over_depth = vec![0.0; roi_h * roi_w];
        for z in covering(&starts.d, self.plan.roi().d, depth) {
            for (y, row) in over_depth.chunks_exact_mut(roi_w).enumerate() {
                self.importance.row(z, y).add_to(row);
            }
        }
        let mut sums = vec![0.0; padded.h * padded.w];
        let mut over_height = vec![0.0; roi_w];
        for (height, row) in sums.chunks_exact_mut(padded.w).enumerate() {
            over_height.fill(0.0);
            for y in covering(&starts.h, roi_h, height) {
                add(&mut over_height, &over_depth[y * roi_w..(y + 1) * roi_w]);
            }
            for &start in &starts.w {
                add(&mut row[start..start + roi_w], &over_height);
            }
        }
        sums
    }
}

/// A plane that no later window touches.
pub(crate) struct FinishedPlane<'a> {
    /// Weighted logits, `[channel, height, width]` of the padded image.
    sums: &'a [f32],
    /// Weights, `[height, width]` of the padded image.
    weights: Vec<f32>,
    plan: &'a WindowPlan,
}

impl FinishedPlane<'_> {
    /// Writes the averaged logits of one row of the image (padding cut off).
    pub(crate) fn logits(&self, channel: usize, height: usize, row: &mut [f32]) {
        let (padded, padding) = (self.plan.padded_shape(), self.plan.padding());
        let start = (height + padding.h.0) * padded.w + padding.w.0;
        let sums = &self.sums[channel * padded.h * padded.w + start..];
        for ((value, sum), weight) in row.iter_mut().zip(sums).zip(&self.weights[start..]) {
            *value = sum / weight;
        }
    }
}

/// Positions that `coordinate` has inside the windows of length `roi` that cover it.
fn covering(starts: &[usize], roi: usize, coordinate: usize) -> impl Iterator<Item = usize> + '_ {
    starts.iter().filter_map(move |&start| coordinate.checked_sub(start).filter(|&inside| inside < roi))
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}
