//! What becomes of finished voxels: logits, probabilities, labels, or one binary mask for each class.

use std::ops::Range;

use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut1, ArrayViewMut2, ArrayViewMut3, Axis, s};

use crate::activation::{Activation, sigmoid, softmax_rows};
use crate::error::InferenceError;
use crate::rule::{MaskRule, Reducer, Scores};
use crate::stitch::{PlaneSink, Sink};

/// Indices of a box of the stitcher, which lies inside the image.
fn ranges(finished: &BoxDhw) -> Dhw<Range<usize>> {
    finished.start.zip(finished.size).map(|(start, size)| start as usize..start as usize + size)
}

/// Room for a value of every class and voxel.
fn room<T: Clone + Default>(channels: usize, shape: Dhw<usize>) -> Result<Array4<T>, InferenceError> {
    let len = shape.to_array().into_iter().try_fold(channels, usize::checked_mul);
    match len.and_then(|len| len.checked_mul(size_of::<T>())) {
        Some(bytes) if bytes <= isize::MAX as usize => {
            Ok(Array4::from_elem((channels, shape.d, shape.h, shape.w), T::default()))
        }
        _ => Err(InferenceError::TooLarge { channels, shape }),
    }
}

/// A row of an array made by [`room`].
fn contiguous<T>(row: ArrayViewMut1<'_, T>) -> &mut [T] {
    row.into_slice().expect("rows of an array in C order are contiguous")
}

/// Keeps a number for every class: the scores as they are, or probabilities made of them.
pub(crate) struct ScoreSink {
    shape: Dhw<usize>,
    activation: Option<Activation>,
    scores: Array4<f32>,
}

impl ScoreSink {
    pub(crate) fn new(shape: Dhw<usize>, activation: Option<Activation>) -> Self {
        Self { shape, activation, scores: Array4::zeros((0, 0, 0, 0)) }
    }

    /// `[class, depth, height, width]`.
    pub(crate) fn into_scores(self) -> Array4<f32> {
        self.scores
    }
}

impl Sink for ScoreSink {
    type Plane<'s> = ScorePlane<'s>;

    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.scores = room(channels, self.shape)?;
        Ok(())
    }

    fn planes(&mut self, finished: &BoxDhw) -> Vec<ScorePlane<'_>> {
        let Dhw { d, h, w } = ranges(finished);
        let planes = self.scores.slice_mut(s![.., d, h, w]).into_axis_iter_mut(Axis(1));
        planes.map(|scores| ScorePlane { scores, activation: self.activation }).collect()
    }
}

/// One plane of all classes.
pub(crate) struct ScorePlane<'a> {
    /// `[class, height, width]`.
    scores: ArrayViewMut3<'a, f32>,
    activation: Option<Activation>,
}

impl PlaneSink for ScorePlane<'_> {
    fn take(&mut self, channel: usize, row: usize, scores: &[f32]) {
        let to = contiguous(self.scores.slice_mut(s![channel, row, ..]));
        match self.activation {
            Some(Activation::Sigmoid) => to.iter_mut().zip(scores).for_each(|(to, score)| *to = sigmoid(*score)),
            Some(Activation::Softmax) | None => to.copy_from_slice(scores),
        }
    }

    fn finish(&mut self) {
        if self.activation == Some(Activation::Softmax) {
            softmax_rows(&mut self.scores);
        }
    }
}

/// Keeps labels only, written straight into the caller's array.
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
        self.reducer = Some(Reducer::new(self.rule, self.scores, channels)?);
        Ok(())
    }

    fn planes(&mut self, finished: &BoxDhw) -> Vec<MaskPlane<'_>> {
        let Some(reducer) = self.reducer else { return Vec::new() };
        let Dhw { d, h, w } = ranges(finished);
        let planes = self.mask.slice_mut(s![d, h, w]).into_axis_iter_mut(Axis(0));
        planes.map(|labels| MaskPlane { best: reducer.best(labels.len()), labels, reducer }).collect()
    }
}

/// One plane of labels.
pub(crate) struct MaskPlane<'a> {
    labels: ArrayViewMut2<'a, u8>,
    best: Vec<f32>,
    reducer: Reducer,
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

/// Keeps one binary mask for each class.
pub(crate) struct ClassMaskSink {
    shape: Dhw<usize>,
    least: f32,
    masks: Array4<u8>,
}

impl ClassMaskSink {
    pub(crate) fn new(shape: Dhw<usize>, rule: MaskRule, scores: Scores) -> Self {
        Self { shape, least: rule.least(scores), masks: Array4::zeros((0, 0, 0, 0)) }
    }

    /// `[class, depth, height, width]`, 0 or 1.
    pub(crate) fn into_masks(self) -> Array4<u8> {
        self.masks
    }
}

impl Sink for ClassMaskSink {
    type Plane<'s> = ClassMaskPlane<'s>;

    fn open(&mut self, channels: usize) -> Result<(), InferenceError> {
        self.masks = room(channels, self.shape)?;
        Ok(())
    }

    fn planes(&mut self, finished: &BoxDhw) -> Vec<ClassMaskPlane<'_>> {
        let Dhw { d, h, w } = ranges(finished);
        let planes = self.masks.slice_mut(s![.., d, h, w]).into_axis_iter_mut(Axis(1));
        planes.map(|masks| ClassMaskPlane { masks, least: self.least }).collect()
    }
}

/// One plane of all classes' masks.
pub(crate) struct ClassMaskPlane<'a> {
    /// `[class, height, width]`.
    masks: ArrayViewMut3<'a, u8>,
    least: f32,
}

impl PlaneSink for ClassMaskPlane<'_> {
    fn take(&mut self, channel: usize, row: usize, scores: &[f32]) {
        let mask = contiguous(self.masks.slice_mut(s![channel, row, ..]));
        mask.iter_mut().zip(scores).for_each(|(to, score)| *to = u8::from(*score >= self.least));
    }
}
