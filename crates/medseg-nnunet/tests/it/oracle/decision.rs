//! From logits to label values.

use ndarray::{Array3, Array4, ArrayView1, Axis};

use super::rule::{Rule, Rules};

/// The label of each voxel: the class with the largest score.
pub fn labels(scores: &Array4<f32>) -> Array3<u8> {
    scores.map_axis(Axis(0), |scores| largest(scores) as u8)
}

/// The value of the last region that each voxel more likely belongs to than not.
pub fn region_labels(probabilities: &Array4<f32>, values: &[u32], rules: Rules) -> Array3<u8> {
    probabilities.map_axis(Axis(0), |probabilities| {
        let mut found = values.iter().zip(probabilities).filter(|(_, probability)| **probability > 0.5);
        let chosen = if rules.hold(Rule::LastRegion) { found.next_back() } else { found.next() };
        chosen.map_or(0, |(value, _)| *value as u8)
    })
}

/// The probability of each region.
pub fn sigmoid(logits: Array4<f32>) -> Array4<f32> {
    logits.mapv_into(|logit| 1.0 / (1.0 + (-logit).exp()))
}

/// The probability of each class.
pub fn softmax(logits: Array4<f32>) -> Array4<f32> {
    let largest = logits.fold_axis(Axis(0), f32::MIN, |largest, logit| largest.max(*logit));
    let exponentials = (logits - &largest).mapv_into(f32::exp);
    let sums = exponentials.sum_axis(Axis(0));
    exponentials / &sums
}

/// One channel for each label, 1 where the voxel has it.
pub fn one_hot<T: Copy + PartialEq>(mask: &Array3<T>, labels: &[T]) -> Array4<f32> {
    let (d, h, w) = mask.dim();
    Array4::from_shape_fn((labels.len(), d, h, w), |(label, z, y, x)| {
        f32::from(u8::from(mask[[z, y, x]] == labels[label]))
    })
}

/// The first of the largest scores.
fn largest(scores: ArrayView1<'_, f32>) -> usize {
    scores.iter().enumerate().fold(0, |best, (class, score)| if *score > scores[best] { class } else { best })
}
