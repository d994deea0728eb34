//! Sums of weighted windows on the host; every voxel is finished with the last window that covers it.

use std::ops::Range;

use medseg_kernels::memory::prefer_large_pages;
use medseg_kernels::rows::{add, divide, weigh};
use medseg_volume::Dhw;
use rayon::prelude::*;

use crate::config::{Blend, Importance};
use crate::error::InferenceError;
use crate::plan::{Inside, Span, WindowPlan};
use crate::sink::{PlaneSink, Sink};
use crate::stitching::weights::weight_sums;

/// The accumulator.
///
/// Windows come in the plan's order of axes. Partial sums are kept only where a later window will add to them: one buffer per
/// axis, for the overlap with the next window, the next row and the next layer. A voxel is finished, divided by its weight and
/// passed to the sink with the last window that covers it.
///
/// ```text
/// window 1 of a row   [ finished | for window 2 ]
/// window 2                       [ + | finished | for window 3 ]
///
/// of a finished row:   rows of voxels that the next row of windows covers wait for it;
/// of a finished layer: planes that the next layer covers wait for it; all else goes to the sink
/// ```
///
/// Sums of weights are not kept: they are the same for every channel, and cheaper to compute again from sums over the axes,
/// plane by plane.
///
/// Every voxel's sum is made in the same order whatever the number of threads or the size of the batches.
pub(super) struct Stitcher<'a> {
    plan: &'a WindowPlan,
    importance: Importance,
    channels: usize,
    /// One for each axis, the fastest in the plan's order first.
    waiting: [Waiting; 3],
    /// Number of the next window.
    next: usize,
}

/// Sums that wait for the next window along one axis.
struct Waiting {
    /// `[depth, channel, height, width]`; see [`WindowPlan::waiting_shape`].
    sums: Vec<f32>,
    shape: Dhw<usize>,
    /// On every axis, `true` where voxels are counted from the image's border, `false` where from the window's.
    absolute: [bool; 3],
}

impl Waiting {
    fn new(plan: &WindowPlan, axis: usize, channels: usize) -> Result<Self, InferenceError> {
        let shape = plan.waiting_shape(axis);
        let len = shape.to_array().into_iter().try_fold(channels, usize::checked_mul);
        let len = len.filter(|&len| len <= isize::MAX as usize / size_of::<f32>());
        let len = len.ok_or(InferenceError::TooLarge { channels, shape: plan.padded_shape() })?;
        let absolute = [0, 1, 2].map(|other| {
            let rank = |axis: usize| plan.order().iter().position(|other| *other == axis);
            rank(other) > rank(axis)
        });
        let mut sums = vec![0.0; len];
        prefer_large_pages(&mut sums);
        Ok(Self { sums, shape, absolute })
    }

    /// The planes that overlap those of a window that starts at depth `start`: number 0 overlaps its first.
    fn planes(&mut self, start: usize, channels: usize) -> impl Iterator<Item = WaitingPlane<'_>> {
        let (absolute, Dhw { h, w, .. }) = (self.absolute, self.shape);
        let first = if absolute[0] { start } else { 0 };
        let planes = self.sums.chunks_exact_mut((channels * h * w).max(1)).skip(first);
        planes.map(move |sums| WaitingPlane { absolute, h, w, sums })
    }
}

/// One plane of [`Waiting`], `[channel, height, width]`.
struct WaitingPlane<'a> {
    absolute: [bool; 3],
    h: usize,
    w: usize,
    sums: &'a mut [f32],
}

impl WaitingPlane<'_> {
    /// Row `y` of the window, from the window's first column on.
    fn row(&mut self, channel: usize, y: usize, spans: &Dhw<Span>) -> &mut [f32] {
        let y = if self.absolute[1] { spans.h.start + y } else { y };
        let x = if self.absolute[2] { spans.w.start } else { 0 };
        &mut self.sums[(channel * self.h + y) * self.w..][x..self.w]
    }
}

/// The accumulator planes, one per axis, that overlap this plane.
type OverlapPlanes<'a> = [Option<WaitingPlane<'a>>; 3];

impl<'a> Stitcher<'a> {
    pub(super) fn new(plan: &'a WindowPlan, blend: Blend, channels: usize) -> Result<Self, InferenceError> {
        let [slow, middle, fast] = plan.order().map(|axis| Waiting::new(plan, axis, channels));
        let (importance, waiting) = (Importance::new(blend, plan.roi()), [fast?, middle?, slow?]);
        Ok(Self { plan, importance, channels, waiting, next: 0 })
    }

    /// The number of channels it was made for.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Adds the logits (`[channel, depth, height, width]`) of window `number`; windows left out before it count as 0. Returns
    /// false, and the sums are of no use, if a logit is not finite.
    #[must_use]
    pub(super) fn add(&mut self, number: usize, logits: &[f32], sink: &mut impl Sink) -> bool {
        self.skip_to(number, sink);
        self.window(Some(logits), sink)
    }

    /// Passes on the voxels that still wait.
    pub(super) fn finish(mut self, sink: &mut impl Sink) {
        self.skip_to(self.plan.len(), sink);
    }

    fn skip_to(&mut self, number: usize, sink: &mut impl Sink) {
        while self.next < number {
            let _ = self.window(None, sink);
        }
    }

    /// Adds the next window. Returns false if a logit is not finite.
    ///
    /// Planes whose depths differ by a multiple of the planes that the window finishes share accumulators; they make up one
    /// task. The first plane of each task is the one that the window finishes.
    fn window(&mut self, logits: Option<&[f32]>, sink: &mut impl Sink) -> bool {
        let (plan, channels) = (self.plan, self.channels);
        let spans = plan.spans(self.next);
        let mut tasks: Vec<Vec<OverlapPlanes>> = (0..spans.d.finished).map(|_| Vec::new()).collect();
        {
            let [fast, middle, slow] = &mut self.waiting;
            let mut fast = fast.planes(spans.d.start, channels);
            let mut middle = middle.planes(spans.d.start, channels);
            let mut slow = slow.planes(spans.d.start, channels);
            for z in 0..plan.roi().d {
                tasks[z % spans.d.finished].push([fast.next(), middle.next(), slow.next()]);
            }
        }
        let inside = plan.finished_inside(&spans);
        let mut planes: Vec<Option<_>> = (0..inside.before.d).map(|_| None).collect();
        planes.extend(sink.planes(&inside.region).into_iter().map(Some));
        planes.resize_with(spans.d.finished, || None);
        let window = Window { plan, importance: &self.importance, channels, spans, inside, logits };
        let planes = tasks.par_iter_mut().zip(planes).enumerate();
        let finite = planes.map(|(z, (columns, plane))| window.add(z, columns, plane)).reduce(|| true, |a, b| a && b);
        self.next += 1;
        finite
    }
}

/// One window on its way into the accumulators.
struct Window<'a> {
    plan: &'a WindowPlan,
    importance: &'a Importance,
    channels: usize,
    spans: Dhw<Span>,
    inside: Inside,
    /// `None`: all 0.
    logits: Option<&'a [f32]>,
}

impl Window<'_> {
    /// Adds plane `first` of the window and all those that share its accumulators. Returns false if a logit is not finite.
    fn add(&self, first: usize, columns: &mut [OverlapPlanes], mut finished: Option<impl PlaneSink>) -> bool {
        let roi = self.plan.roi();
        let weights = if finished.is_some() { self.weight_sums(first) } else { Vec::new() };
        let mut row = vec![0.0; roi.w];
        let mut finite = true;
        for number in 0..columns.len() {
            let z = first + number * self.spans.d.finished;
            for channel in 0..self.channels {
                for y in 0..roi.h {
                    finite &= self.weigh(channel, z, y, &mut row);
                    let Some(columns_done) = self.accumulate(channel, z, y, columns, number, &mut row) else {
                        continue;
                    };
                    if let Some(plane) = &mut finished {
                        self.emit(plane, channel, y, &mut row[columns_done], &weights);
                    }
                }
            }
        }
        if let Some(plane) = &mut finished {
            plane.finish();
        }
        finite
    }

    /// Weighted logits of one row of the window. Returns false if one is not finite.
    fn weigh(&self, channel: usize, z: usize, y: usize, row: &mut [f32]) -> bool {
        let roi = self.plan.roi();
        match self.logits {
            Some(logits) => {
                let values = &logits[((channel * roi.d + z) * roi.h + y) * roi.w..][..roi.w];
                weigh(&self.importance.row(z, y), values, row)
            }
            None => {
                row.fill(0.0);
                true
            }
        }
    }

    /// Takes a row through the accumulators: adds the sums that wait for it and leaves those that must wait. Returns the
    /// columns of the row that have seen all their windows, or `None`.
    fn accumulate(
        &self,
        channel: usize,
        z: usize,
        y: usize,
        columns: &mut [OverlapPlanes],
        number: usize,
        row: &mut [f32],
    ) -> Option<Range<usize>> {
        let spans = &self.spans;
        let mut done = row.len();
        for (level, axis) in self.plan.order().into_iter().rev().enumerate() {
            let (span, at) = [(spans.d, z), (spans.h, y), (spans.w, 0)][axis];
            if let Some(waiting) = columns[number][level].as_mut().filter(|_| at < span.shared) {
                let len = if axis == 2 { span.shared } else { done };
                add(&mut row[..len], &waiting.row(channel, y, spans)[..len]);
            }
            match axis {
                2 => {
                    let left = &row[span.finished..];
                    if let Some(waiting) = columns[number][level].as_mut().filter(|_| !left.is_empty()) {
                        waiting.row(channel, y, spans)[..left.len()].copy_from_slice(left);
                    }
                    done = span.finished;
                }
                _ if at < span.finished => {}
                axis => {
                    let (column, y) = if axis == 0 { (number - 1, y) } else { (number, y - span.finished) };
                    if let Some(waiting) = &mut columns[column][level] {
                        waiting.row(channel, y, spans)[..done].copy_from_slice(&row[..done]);
                    }
                    return None;
                }
            }
        }
        Some(0..done)
    }

    /// Averages a finished row and gives its voxels inside the image to `plane`.
    fn emit(&self, plane: &mut impl PlaneSink, channel: usize, y: usize, sums: &mut [f32], weights: &[f32]) {
        let (size, before) = (self.inside.region.size, self.inside.before);
        let Some(row) = y.checked_sub(before.h).filter(|row| *row < size.h) else { return };
        let logits = &mut sums[before.w..before.w + size.w];
        divide(logits, &weights[y * self.spans.w.finished + before.w..]);
        plane.take(channel, row, logits);
    }

    /// Sums of the weights over the finished part of plane `z`, `[height, width]`.
    fn weight_sums(&self, z: usize) -> Vec<f32> {
        let Dhw { d, h, w } = self.spans.map(|span| span.start..span.start + span.finished);
        weight_sums(self.plan, self.importance, d.start + z, h, w)
    }
}
