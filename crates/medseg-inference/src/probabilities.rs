//! From logits to probabilities, and from labels to one-hot channels.

use medseg_volume::Dhw;
use ndarray::{Array4, ArrayView3, ArrayView4, ArrayViewMut3, Axis, Zip, s};

use crate::error::InferenceError;

/// `1 / (1 + exp(-x))`, finite for every finite `x`.
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Probabilities over the channels (the first axis) of logits `[class, depth, height, width]`.
///
/// The largest logit of a voxel is subtracted first, so large logits do not overflow.
#[must_use]
pub fn softmax(logits: &ArrayView4<f32>) -> Array4<f32> {
    let mut probabilities = logits.to_owned();
    let largest = logits.fold_axis(Axis(0), f32::NEG_INFINITY, |a, b| a.max(*b));
    for mut channel in probabilities.axis_iter_mut(Axis(0)) {
        Zip::from(&mut channel).and(&largest).par_for_each(|value, largest| *value = (*value - largest).exp());
    }
    let sum = probabilities.sum_axis(Axis(0));
    for mut channel in probabilities.axis_iter_mut(Axis(0)) {
        Zip::from(&mut channel).and(&sum).par_for_each(|value, sum| *value /= sum);
    }
    probabilities
}

/// [`softmax`] of one plane `[class, height, width]`, in place, row by row.
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

/// One channel per class, 1 where the label is the class and 0 elsewhere: `[class, depth, height, width]`.
///
/// # Errors
/// [`InferenceError::Label`] if a label is not below `classes`.
pub fn one_hot(labels: &ArrayView3<u8>, classes: usize) -> Result<Array4<f32>, InferenceError> {
    if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
        return Err(InferenceError::Label { label, classes });
    }
    let (d, h, w) = labels.dim();
    if d.checked_mul(h).and_then(|n| n.checked_mul(w)).and_then(|n| n.checked_mul(classes)).is_none() {
        return Err(InferenceError::TooLarge { channels: classes, shape: Dhw { d, h, w } });
    }
    let mut channels = Array4::zeros((classes, d, h, w));
    for (class, mut channel) in channels.axis_iter_mut(Axis(0)).enumerate() {
        Zip::from(&mut channel).and(labels).for_each(|value, &label| *value = f32::from(usize::from(label) == class));
    }
    Ok(channels)
}
