//! Finished voxels on the device.

use burn::tensor::{Bool, Element, Int, Tensor};
use ndarray::{ArrayView4, ArrayViewMut4, Axis};
use rayon::prelude::*;

use crate::error::InferenceError;

/// The result of reducing a box of averaged logits, `[1, channel, depth, height, width]`.
pub(crate) enum Reduced {
    /// Logits or probabilities.
    Scores(Tensor<5>),
    /// Numbers of classes.
    Labels(Tensor<5, Int>),
    /// True for the voxels of the class.
    Bits(Tensor<5, Bool>),
}

impl Reduced {
    /// Bytes that a value takes on its way to the host.
    fn value_bytes(&self) -> usize {
        match self {
            Self::Scores(scores) => scores.dtype().size(),
            Self::Labels(labels) => labels.dtype().size(),
            Self::Bits(bits) => bits.dtype().size(),
        }
    }

    /// Bytes on their way to the host.
    pub(crate) fn bytes(&self) -> usize {
        let shape = match self {
            Self::Scores(scores) => scores.dims(),
            Self::Labels(labels) => labels.dims(),
            Self::Bits(bits) => bits.dims(),
        };
        shape.iter().product::<usize>() * self.value_bytes()
    }

    /// Waits for the values and copies them to `to`, `[channel, depth, height, width]`.
    pub(crate) fn read_into<E: Element>(self, mut to: ArrayViewMut4<E>) -> Result<(), InferenceError> {
        let data = match self {
            Self::Scores(scores) => scores.try_into_data(),
            Self::Labels(labels) => labels.try_into_data(),
            Self::Bits(bits) => bits.try_into_data(),
        };
        let data = data.map_err(|error| InferenceError::Device(error.into()))?;
        let values: Vec<E> = data.try_into_vec_as().map_err(|error| InferenceError::Device(error.into()))?;
        let from = ArrayView4::from_shape(to.dim(), &values).map_err(|error| InferenceError::Device(error.into()))?;
        let planes = to.axis_iter_mut(Axis(1)).into_par_iter().zip(from.axis_iter(Axis(1)).into_par_iter());
        planes.for_each(|(mut to, from)| to.assign(&from));
        Ok(())
    }
}
