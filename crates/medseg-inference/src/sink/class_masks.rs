//! One binary mask for each class.

use burn::tensor::Tensor;
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut3, Axis, s};

use super::{PlaneSink, Reduced, Sink, contiguous, ranges, room};
use crate::error::InferenceError;
use crate::rule::{MaskRule, Scores};

/// One binary mask for each class.
pub(crate) struct ClassMaskSink {
    shape: Dhw<usize>,
    least: f32,
    masks: Array4<u8>,
}

impl ClassMaskSink {
    pub(crate) fn new(shape: Dhw<usize>, rule: &MaskRule, scores: Scores) -> Self {
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

    fn reduce(&self, averages: Tensor<5>) -> Reduced {
        Reduced::Bits(averages.greater_equal_elem(self.least))
    }

    fn put(&mut self, finished: &BoxDhw, values: Reduced) -> Result<(), InferenceError> {
        let Dhw { d, h, w } = ranges(finished);
        values.read_into(self.masks.slice_mut(s![.., d, h, w]))
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
