//! From logits to probabilities, as windows are finished.

use medseg_transforms::Probabilities;
use ndarray::{ArrayViewMut3, ArrayViewMut4, Axis, parallel::prelude::*, s};

/// Replaces logits `[class, depth, height, width]` by probabilities, 0 to 1.
///
/// ```
/// use medseg_inference::{Probabilities, to_probabilities};
///
/// let mut scores = ndarray::Array4::<f32>::zeros((4, 1, 1, 1));
/// to_probabilities(&mut scores.view_mut(), Probabilities::Softmax);
/// assert!(scores.iter().all(|p| *p == 0.25));
/// ```
pub fn to_probabilities(scores: &mut ArrayViewMut4<'_, f32>, probabilities: Probabilities) {
    scores.axis_iter_mut(Axis(1)).into_par_iter().for_each(|mut plane| match probabilities {
        Probabilities::Sigmoid => plane.map_inplace(|score| *score = sigmoid(*score)),
        Probabilities::Softmax => softmax_rows(&mut plane),
    });
}

/// `1 / (1 + exp(-x))`, finite for every finite `x`.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Softmax over the classes of one plane `[class, height, width]`, in place, row by row.
///
/// The largest logit of a voxel is subtracted first, so large logits do not overflow.
pub(crate) fn softmax_rows(plane: &mut ArrayViewMut3<f32>) {
    let (classes, height, width) = plane.dim();
    let (mut largest, mut sum) = (vec![0.0_f32; width], vec![0.0_f32; width]);
    for y in 0..height {
        largest.fill(f32::NEG_INFINITY);
        sum.fill(0.0);
        for class in 0..classes {
            let row = plane.slice(s![class, y, ..]);
            largest.iter_mut().zip(row).for_each(|(largest, value)| *largest = largest.max(*value));
        }
        for class in 0..classes {
            let row = plane.slice_mut(s![class, y, ..]);
            for ((value, sum), largest) in row.into_iter().zip(&mut sum).zip(&largest) {
                *value = (*value - largest).exp();
                *sum += *value;
            }
        }
        for class in 0..classes {
            plane.slice_mut(s![class, y, ..]).into_iter().zip(&sum).for_each(|(value, sum)| *value /= sum);
        }
    }
}
