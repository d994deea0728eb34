//! Sums of weighted windows on the device, finished by whole rows of windows.

use std::collections::HashMap;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor, TensorData};
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use rayon::prelude::*;

use crate::config::{Blend, Importance};
use crate::error::InferenceError;
use crate::plan::{Span, WindowPlan};
use crate::stitching::weights::{Coverage, weight_sums};

/// A finished box inside the image and its averages `[1, class, depth, height, width]`.
pub(super) type Finished = (BoxDhw, Tensor<5>);

/// The accumulator, in the memory of the device.
///
/// The same sums wait as on the host, and every voxel's sum is made in the same order; but voxels are finished by whole rows
/// of windows along the fastest axis. The sums that a row leaves for the next layer lie in a tensor of their own.
///
/// A row without any window is left out. Since a window is left out only where no voxel is wanted, no voxel that is wanted
/// misses anything that such a row could have left behind.
pub(super) struct Layers<'a> {
    plan: &'a WindowPlan,
    importance: Importance,
    /// The weights of a window's voxels `[1, 1, depth, height, width]`; `None` if all are 1.
    map: Option<Tensor<5>>,
    channels: usize,
    device: Device,
    /// Number of the next window.
    next: usize,
    /// Sums of this row of windows, as long as the padded image.
    row: Option<Tensor<5>>,
    /// Sums that the last window has left for the next.
    for_window: Option<Tensor<5>>,
    /// Sums that the last row has left for the next.
    for_row: Option<Tensor<5>>,
    /// Sums that each row of the last layer has left for the same row of the next.
    for_layer: Vec<Option<Tensor<5>>>,
    /// Sums of weights `[1, 1, depth, height, width]` over finished boxes of this layer.
    weights: HashMap<Coverage, Tensor<5>>,
}

impl<'a> Layers<'a> {
    pub(super) fn new(
        plan: &'a WindowPlan,
        blend: Blend,
        channels: usize,
        device: &Device,
    ) -> Result<Self, InferenceError> {
        let padded = plan.padded_shape();
        if padded.to_array().into_iter().try_fold(channels, usize::checked_mul).is_none() {
            return Err(InferenceError::TooLarge { channels, shape: padded });
        }
        let importance = Importance::new(blend, plan.roi());
        let map = (blend != Blend::Constant).then(|| map_of(&importance, plan.roi(), device));
        let for_layer = vec![None; plan.counts()[1]];
        Ok(Self {
            plan,
            importance,
            map,
            channels,
            device: device.clone(),
            next: 0,
            row: None,
            for_window: None,
            for_row: None,
            for_layer,
            weights: HashMap::new(),
        })
    }

    /// The number of channels it was made for.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Adds the logits `[1, class, depth, height, width]` of window `number`.
    pub(super) fn add(&mut self, number: usize, logits: Tensor<5>) -> Vec<Finished> {
        let mut finished = self.skip_to(number);
        finished.extend(self.window(Some(logits)));
        finished
    }

    /// Passes on the voxels that still wait.
    pub(super) fn finish(mut self) -> Vec<Finished> {
        self.skip_to(self.plan.len())
    }

    fn skip_to(&mut self, number: usize) -> Vec<Finished> {
        (self.next..number).filter_map(|_| self.window(None)).collect()
    }

    /// Adds the next window; the last one of a row finishes that.
    fn window(&mut self, logits: Option<Tensor<5>>) -> Option<Finished> {
        let (spans, fast) = (self.plan.spans(self.next), self.plan.order()[2]);
        let [_, rows, windows] = self.plan.counts();
        let row = self.next / windows % rows;
        self.next += 1;
        self.for_window = logits.and_then(|logits| self.add_to_row(logits, fast, spans.to_array()[fast]));
        if self.next.is_multiple_of(windows) { self.end_row(row, spans) } else { None }
    }

    /// Adds a window to its row; the sums that the next one is added to remain.
    fn add_to_row(&mut self, logits: Tensor<5>, axis: usize, span: Span) -> Option<Tensor<5>> {
        let weighted = match &self.map {
            Some(map) => logits * map.clone(),
            None => logits,
        };
        let (finished, left) =
            split(with_waiting(weighted, self.for_window.take(), axis, span.shared), axis, span.finished);
        let mut row = self.row.take().unwrap_or_else(|| self.empty_row(axis));
        let mut at = span.start;
        for part in finished {
            let end = at + part.dims()[axis + 2];
            let place = along(row.dims(), axis, at..end);
            row = row.slice_assign(place, part);
            at = end;
        }
        self.row = Some(row);
        left
    }

    /// Zeros, so that windows left out count as 0.
    fn empty_row(&self, axis: usize) -> Tensor<5> {
        let mut shape = self.plan.roi().to_array();
        shape[axis] = self.plan.padded_shape().to_array()[axis];
        let [d, h, w] = shape;
        Tensor::zeros([1, self.channels, d, h, w], (&self.device, DType::F32))
    }

    /// Adds to a row the sums that earlier rows and layers have left for it, then averages the voxels that have seen all windows.
    fn end_row(&mut self, row: usize, spans: Dhw<Span>) -> Option<Finished> {
        let ([slow, middle, fast], mut spans) = (self.plan.order(), spans.to_array());
        if row == 0 {
            self.weights.clear();
        }
        let Some(sums) = self.row.take() else {
            (self.for_row, self.for_layer[row]) = (None, None);
            return None;
        };
        let (sums, left) = passed(sums, self.for_row.take(), middle, spans[middle]);
        self.for_row = left;
        let (sums, left) = passed(sums, self.for_layer[row].take(), slow, spans[slow]);
        self.for_layer[row] = left;
        spans[fast] = Span { start: 0, shared: 0, finished: self.plan.padded_shape().to_array()[fast] };
        self.averages(sums, Dhw::from(spans))
    }

    /// Averages the voxels inside the image.
    fn averages(&mut self, sums: Tensor<5>, spans: Dhw<Span>) -> Option<Finished> {
        let inside = self.plan.finished_inside(&spans);
        let (region, before) = (inside.region, inside.before.to_array());
        if region.size.to_array().contains(&0) {
            return None;
        }
        let sizes = region.size.to_array();
        let sums = (0..3).fold(sums, |sums, axis| sums.narrow(axis + 2, before[axis], sizes[axis]));
        let voxels = spans.zip(inside.before).zip(region.size).map(|((span, before), size)| {
            let start = span.start + before;
            start..start + size
        });
        Some((region, sums / self.weight_sums(voxels)))
    }

    /// Sums of weights over a box in voxels of the padded image.
    fn weight_sums(&mut self, voxels: Dhw<Range<usize>>) -> Tensor<5> {
        let (plan, importance, device) = (self.plan, &self.importance, &self.device);
        let sums = self.weights.entry(Coverage::new(plan, &voxels)).or_insert_with(|| {
            let Dhw { d, h, w } = voxels;
            let shape = [1, 1, d.len(), h.len(), w.len()];
            let planes = d.into_par_iter().flat_map_iter(|z| weight_sums(plan, importance, z, h.clone(), w.clone()));
            Tensor::from_data(TensorData::new(planes.collect(), shape), (device, DType::F32))
        });
        sums.clone()
    }
}

/// The weights of a window's voxels.
fn map_of(importance: &Importance, roi: Dhw<usize>, device: &Device) -> Tensor<5> {
    let mut map = vec![0.0; roi.voxels()];
    for (index, row) in map.chunks_exact_mut(roi.w).enumerate() {
        importance.add_row_to(index / roi.h, index % roi.h, row);
    }
    Tensor::from_data(TensorData::new(map, [1, 1, roi.d, roi.h, roi.w]), (device, DType::F32))
}

/// Adds the waiting sums to the first `shared` planes along `axis`; the parts follow one another along it.
fn with_waiting(sums: Tensor<5>, waited: Option<Tensor<5>>, axis: usize, shared: usize) -> Vec<Tensor<5>> {
    let Some(waited) = waited else { return vec![sums] };
    let len = sums.dims()[axis + 2];
    let first = sums.clone().narrow(axis + 2, 0, shared) + waited;
    if shared == len { vec![first] } else { vec![first, sums.narrow(axis + 2, shared, len - shared)] }
}

/// Parts before and behind plane `at`; those behind in memory of their own, so that no larger tensor outlives its use.
fn split(parts: Vec<Tensor<5>>, axis: usize, at: usize) -> (Vec<Tensor<5>>, Option<Tensor<5>>) {
    let (mut before, mut behind, mut passed) = (Vec::new(), Vec::new(), 0);
    for part in parts {
        let len = part.dims()[axis + 2];
        let here = at.saturating_sub(passed).min(len);
        if here == len {
            before.push(part);
        } else if here == 0 {
            behind.push(part);
        } else {
            before.push(part.clone().narrow(axis + 2, 0, here));
            behind.push(part.narrow(axis + 2, here, len - here));
        }
        passed += len;
    }
    (before, (!behind.is_empty()).then(|| copied(behind, axis)))
}

/// [`with_waiting`] and [`split`], the finished parts put together.
fn passed(sums: Tensor<5>, waited: Option<Tensor<5>>, axis: usize, span: Span) -> (Tensor<5>, Option<Tensor<5>>) {
    let (finished, left) = split(with_waiting(sums, waited, axis, span.shared), axis, span.finished);
    (Tensor::cat(finished, axis + 2), left)
}

/// A new tensor of parts that follow one another along `axis`: even of one part no view, as `cat` may make.
fn copied(parts: Vec<Tensor<5>>, axis: usize) -> Tensor<5> {
    let mut shape = parts[0].dims();
    shape[axis + 2] = parts.iter().map(|part| part.dims()[axis + 2]).sum();
    let (mut whole, mut at) = (Tensor::empty(shape, (&parts[0].device(), DType::F32)), 0);
    for part in parts {
        let end = at + part.dims()[axis + 2];
        whole = whole.slice_assign(along(shape, axis, at..end), part);
        at = end;
    }
    whole
}

/// All of a tensor of this shape but on one spatial axis.
fn along(shape: [usize; 5], axis: usize, range: Range<usize>) -> [Range<usize>; 5] {
    let mut ranges = shape.map(|len| 0..len);
    ranges[axis + 2] = range;
    ranges
}
