//! The results made of finished voxels: logits, probabilities, labels, or one binary mask for each class.

mod class_masks;
mod mask;
mod reduced;
mod scores;
mod slab;

use std::ops::Range;

use burn::tensor::Tensor;
use medseg_transforms::BoxDhw;
use medseg_volume::Dhw;
use ndarray::{Array4, ArrayViewMut1};

use crate::error::InferenceError;

pub(crate) use class_masks::ClassMaskSink;
pub(crate) use mask::MaskSink;
pub(crate) use reduced::Reduced;
pub(crate) use scores::ScoreSink;
pub use slab::ScoreSlab;
pub(crate) use slab::SlabSink;

/// Receives the averaged logits.
pub(crate) trait Sink {
    /// One plane of a finished box.
    type Plane<'s>: PlaneSink
    where
        Self: 's;

    /// The predictor's number of channels is known: makes room for the result.
    fn open(&mut self, channels: usize) -> Result<(), InferenceError>;

    /// One receiver for every plane of a box inside the image. Each voxel of the image is in exactly one box.
    fn planes(&mut self, finished: &BoxDhw) -> Vec<Self::Plane<'_>>;

    /// Reduces averaged logits `[1, class, depth, height, width]` where they are.
    fn reduce(&self, averages: Tensor<5>) -> Reduced;

    /// Takes the result of [`reduce`](Sink::reduce) for the averages of a box inside the image.
    ///
    /// # Errors
    /// [`InferenceError::Device`] if they cannot be brought to the host.
    fn put(&mut self, finished: &BoxDhw, values: Reduced) -> Result<(), InferenceError>;

    /// Takes out the error that planes met with, after which nothing more is wanted.
    fn error(&mut self) -> Option<InferenceError> {
        None
    }
}

/// Receives one plane of a finished box.
pub(crate) trait PlaneSink: Send {
    /// Takes row `row` of the box. Channels come in ascending order, each with all its rows.
    fn take(&mut self, channel: usize, row: usize, logits: &[f32]);

    /// All rows of all channels have come.
    fn finish(&mut self) {}
}

/// Indices of a box of the stitcher, which lies inside the image.
fn ranges(finished: &BoxDhw) -> Dhw<Range<usize>> {
    finished.start.zip(finished.size).map(|(start, size)| start as usize..start as usize + size)
}

/// Room for a value of every class and voxel.
pub(crate) fn room<T: Clone + Default>(channels: usize, shape: Dhw<usize>) -> Result<Array4<T>, InferenceError> {
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
