//! Labels, written straight into the caller's array.

use burn::tensor::{Int, IntDType, Tensor};
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{ArrayViewMut2, ArrayViewMut3, Axis, s};

use super::{PlaneSink, Reduced, Sink, ranges};
use crate::error::InferenceError;
use crate::rule::{MaskRule, Reducer, RegionLabel, Scores};

/// Labels only, written straight into the caller's array.
pub(crate) struct MaskSink<'a> {
    mask: ArrayViewMut3<'a, u8>,
    rule: MaskRule,
    scores: Scores,
    reducer: Option<Reducer>,
}

impl<'a> MaskSink<'a> {
    pub(crate) fn new(mask: ArrayViewMut3<'a, u8>, rule: MaskRule, scores: Scores) -> Self {
        Self { mask, rule, scores, reducer: None }
    }
}

impl Sink for MaskSink<'_> {
    type Plane<'s>
        = MaskPlane<'s>
    where
        Self: 's;

    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.reducer = Some(Reducer::new(&self.rule, self.scores, channels)?);
        Ok(())
    }

    fn planes(&mut self, finished: &BoxDhw) -> Vec<MaskPlane<'_>> {
        let Self { mask, reducer, .. } = self;
        let Some(reducer) = reducer else { return Vec::new() };
        let Dhw { d, h, w } = ranges(finished);
        let planes = mask.slice_mut(s![d, h, w]).into_axis_iter_mut(Axis(0));
        planes.map(|labels| MaskPlane { best: reducer.best(labels.len()), labels, reducer }).collect()
    }

    fn reduce(&self, averages: Tensor<5>) -> Reduced {
        Reduced::Labels(match &self.reducer {
            Some(Reducer::Threshold { least }) => return Reduced::Bits(averages.greater_equal_elem(*least)),
            Some(Reducer::Regions { least, regions }) => first_region(averages, *least, regions),
            Some(Reducer::Argmax) | None => argmax(averages),
        })
    }

    fn put(&mut self, finished: &BoxDhw, values: Reduced) -> Result<(), InferenceError> {
        let Dhw { d, h, w } = ranges(finished);
        values.read_into(self.mask.slice_mut(s![d, h, w]).insert_axis(Axis(0)))
    }
}

/// One plane of labels.
pub(crate) struct MaskPlane<'a> {
    labels: ArrayViewMut2<'a, u8>,
    best: Vec<f32>,
    reducer: &'a Reducer,
}

impl PlaneSink for MaskPlane<'_> {
    fn take(&mut self, channel: usize, row: usize, scores: &[f32]) {
        let best = self.best.get_mut(row * scores.len()..(row + 1) * scores.len()).unwrap_or_default();
        let mut labels = self.labels.row_mut(row);
        if let Some(labels) = labels.as_slice_mut() {
            self.reducer.take(channel, scores, best, labels);
        } else {
            let mut copy = labels.to_vec();
            self.reducer.take(channel, scores, best, &mut copy);
            labels.iter_mut().zip(copy).for_each(|(to, from)| *to = from);
        }
    }
}

/// The number of the largest channel as [`Reducer::take`] finds it: the first on ties, NaN never, 0 where all are NaN.
/// Burn's own `argmax` leaves both open.
fn argmax(scores: Tensor<5>) -> Tensor<5, Int> {
    let [_, channels, d, h, w] = scores.dims();
    let channel = |number| scores.clone().narrow(1, number, 1);
    let first = channel(0);
    let mut labels = Tensor::<5, Int>::zeros([1, 1, d, h, w], &scores.device());
    let mut best = first.clone().mask_fill(first.is_nan(), f32::NEG_INFINITY);
    for number in 1..channels {
        let larger = channel(number).greater(best.clone());
        labels = labels.mask_fill(larger.clone(), number as i32);
        best = best.mask_where(larger, channel(number));
    }
    bytes(labels)
}

/// The label of the first region whose score is at least this, 0 where there is none, as [`Reducer::take`] finds it.
fn first_region(scores: Tensor<5>, least: f32, regions: &[RegionLabel]) -> Tensor<5, Int> {
    let [_, _, d, h, w] = scores.dims();
    let none = Tensor::<5, Int>::zeros([1, 1, d, h, w], &scores.device());
    // The first region is written last.
    bytes(regions.iter().rev().fold(none, |labels, region| {
        let inside = scores.clone().narrow(1, region.channel, 1).greater_equal_elem(least);
        labels.mask_fill(inside, i32::from(region.label))
    }))
}

/// The same labels in as few bytes as the device can.
fn bytes(labels: Tensor<5, Int>) -> Tensor<5, Int> {
    if labels.device().supports_dtype(IntDType::U8) { labels.cast(IntDType::U8) } else { labels }
}
