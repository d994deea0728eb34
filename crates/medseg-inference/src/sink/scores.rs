//! Averaged logits, or probabilities made of them.

use burn::tensor::{Tensor, activation};
use medseg_transforms::{BoxDhw, Probabilities};
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut3, Axis, s};

use super::{PlaneSink, Reduced, Sink, contiguous, ranges, room};
use crate::error::InferenceError;
use crate::probabilities::{sigmoid, softmax_rows};

/// A number for every class: the scores as they are, or probabilities made of them.
pub(crate) struct ScoreSink {
    shape: Dhw<usize>,
    probabilities: Option<Probabilities>,
    scores: Array4<f32>,
}

impl ScoreSink {
    pub(crate) fn new(shape: Dhw<usize>, probabilities: Option<Probabilities>) -> Self {
        Self { shape, probabilities, scores: Array4::zeros((0, 0, 0, 0)) }
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
        planes.map(|scores| ScorePlane { scores, probabilities: self.probabilities }).collect()
    }

    fn reduce(&self, averages: Tensor<5>) -> Reduced {
        Reduced::Scores(match self.probabilities {
            Some(Probabilities::Sigmoid) => activation::sigmoid(averages),
            Some(Probabilities::Softmax) => activation::softmax(averages, 1),
            None => averages,
        })
    }

    fn put(&mut self, finished: &BoxDhw, values: Reduced) -> Result<(), InferenceError> {
        let Dhw { d, h, w } = ranges(finished);
        values.read_into(self.scores.slice_mut(s![.., d, h, w]))
    }
}

/// One plane of all classes.
pub(crate) struct ScorePlane<'a> {
    /// `[class, height, width]`.
    scores: ArrayViewMut3<'a, f32>,
    probabilities: Option<Probabilities>,
}

impl PlaneSink for ScorePlane<'_> {
    fn take(&mut self, channel: usize, row: usize, scores: &[f32]) {
        let to = contiguous(self.scores.slice_mut(s![channel, row, ..]));
        match self.probabilities {
            Some(Probabilities::Sigmoid) => to.iter_mut().zip(scores).for_each(|(to, score)| *to = sigmoid(*score)),
            Some(Probabilities::Softmax) | None => to.copy_from_slice(scores),
        }
    }

    fn finish(&mut self) {
        if self.probabilities == Some(Probabilities::Softmax) {
            softmax_rows(&mut self.scores);
        }
    }
}
