//! Scores of all classes, a few planes at a time.

use burn::tensor::Tensor;
use medseg_transforms::{BoxDhw, Probabilities};
use medseg_volume::Dhw;
use ndarray::{Array3, Array4, ArrayViewMut3, ArrayViewMut4, Axis, s};

use super::{PlaneSink, Reduced, Sink, contiguous, ranges, room};
use crate::error::InferenceError;
use crate::probabilities::to_probabilities;
use crate::rule::{MaskRule, Scores};

/// Averaged scores of neighbouring planes of an image.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScoreSlab<'a> {
    /// Axis across the planes: 0 for the depth, 1 for the height, 2 for the width.
    pub axis: usize,
    /// Number of its first plane along that axis.
    pub start: usize,
    /// `[class, depth, height, width]`, whole but along `axis`; to be changed at will.
    pub scores: ArrayViewMut4<'a, f32>,
    kind: Scores,
}

impl ScoreSlab<'_> {
    /// Labels of the slab `[depth, height, width]`; equal to those of [`Inference::mask`](crate::Inference::mask).
    ///
    /// # Errors
    /// As [`MaskRule::apply`].
    pub fn labels(&self, rule: &MaskRule) -> Result<Array3<u8>, InferenceError> {
        rule.apply_to(&self.scores.view(), self.kind)
    }

    /// Makes probabilities of logits; probabilities of mirrored windows stay as they are.
    pub fn make_probabilities(&mut self, probabilities: Probabilities) {
        if self.kind == Scores::Logits {
            to_probabilities(&mut self.scores, probabilities);
            self.kind = Scores::Probabilities;
        }
    }
}

/// Receives slabs in ascending order; together they are the whole image.
pub(crate) type TakeSlab<'a> = dyn FnMut(ScoreSlab<'_>) -> Result<(), InferenceError> + 'a;

/// Collects a layer of finished windows and hands it on.
pub(crate) struct SlabSink<'a, 'b> {
    shape: Dhw<usize>,
    axis: usize,
    channels: usize,
    kind: Scores,
    /// First plane and scores of the slab that is being filled.
    slab: Option<(usize, Array4<f32>)>,
    take: &'a mut TakeSlab<'b>,
    error: Option<InferenceError>,
}

impl<'a, 'b> SlabSink<'a, 'b> {
    /// For an image of `shape` whose windows are swept slowest along `axis`.
    pub(crate) fn new(shape: Dhw<usize>, axis: usize, kind: Scores, take: &'a mut TakeSlab<'b>) -> Self {
        Self { shape, axis, channels: 0, kind, slab: None, take, error: None }
    }

    /// Hands on the last slab.
    pub(crate) fn finish(mut self) -> Result<(), InferenceError> {
        self.hand_on();
        self.error.map_or(Ok(()), Err)
    }

    fn hand_on(&mut self) {
        let Some((start, mut scores)) = self.slab.take() else { return };
        if self.error.is_none() {
            let slab = ScoreSlab { axis: self.axis, start, scores: scores.view_mut(), kind: self.kind };
            self.error = (self.take)(slab).err();
        }
    }

    /// The slab of a box, and the box in it.
    fn place(&mut self, finished: &BoxDhw) -> Result<(&mut Array4<f32>, BoxDhw), InferenceError> {
        let start = finished.start.to_array()[self.axis] as usize;
        if self.slab.as_ref().is_none_or(|(of_slab, _)| *of_slab != start) {
            self.hand_on();
            let mut shape = self.shape.to_array();
            shape[self.axis] = finished.size.to_array()[self.axis];
            self.slab = Some((start, room(self.channels, Dhw::from(shape))?));
        }
        let Some((_, scores)) = &mut self.slab else { unreachable!("set above") };
        let mut from = finished.start.to_array();
        from[self.axis] = 0;
        Ok((scores, BoxDhw { start: Dhw::from(from), size: finished.size }))
    }
}

impl Sink for SlabSink<'_, '_> {
    type Plane<'s>
        = SlabPlane<'s>
    where
        Self: 's;

    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.channels = channels;
        Ok(())
    }

    fn planes(&mut self, finished: &BoxDhw) -> Vec<SlabPlane<'_>> {
        if finished.size.to_array().contains(&0) {
            return Vec::new();
        }
        let inside = match self.place(finished) {
            Ok((_, inside)) => inside,
            Err(error) => {
                self.error.get_or_insert(error);
                return Vec::new();
            }
        };
        let Some((_, scores)) = &mut self.slab else { return Vec::new() };
        let Dhw { d, h, w } = ranges(&inside);
        let planes = scores.slice_mut(s![.., d, h, w]).into_axis_iter_mut(Axis(1));
        planes.map(|scores| SlabPlane { scores }).collect()
    }

    fn reduce(&self, averages: Tensor<5>) -> Reduced {
        Reduced::Scores(averages)
    }

    fn put(&mut self, finished: &BoxDhw, values: Reduced) -> Result<(), InferenceError> {
        let (scores, inside) = self.place(finished)?;
        let Dhw { d, h, w } = ranges(&inside);
        values.read_into(scores.slice_mut(s![.., d, h, w]))?;
        self.error().map_or(Ok(()), Err)
    }

    fn error(&mut self) -> Option<InferenceError> {
        self.error.take()
    }
}

/// One plane of all classes.
pub(crate) struct SlabPlane<'a> {
    /// `[class, height, width]`.
    scores: ArrayViewMut3<'a, f32>,
}

impl PlaneSink for SlabPlane<'_> {
    fn take(&mut self, channel: usize, row: usize, scores: &[f32]) {
        contiguous(self.scores.slice_mut(s![channel, row, ..])).copy_from_slice(scores);
    }
}
