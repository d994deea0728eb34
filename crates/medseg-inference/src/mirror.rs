//! Test-time mirroring.

use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, softmax};
use medseg_transforms::Probabilities;
use medseg_volume::Dhw;

use crate::error::InferenceError;
use crate::predictor::{Predictor, predict_checked};

/// Mean of the probabilities `[batch, channels, depth, height, width]` that the predictor gives for the windows mirrored along
/// every subset of `axes`, each flipped back. Without a function named, one channel goes through the sigmoid and several through
/// the softmax.
pub(crate) fn mean_over_mirrors(
    predictor: &mut dyn Predictor,
    windows: &Tensor<5>,
    axes: Dhw<bool>,
    probabilities: Option<Probabilities>,
) -> Result<Tensor<5>, InferenceError> {
    let mut pass = |dims: &[usize]| {
        let flipped = |tensor: Tensor<5>| dims.iter().fold(tensor, |tensor, dim| tensor.flip([*dim]));
        let logits = flipped(predict_checked(predictor, flipped(windows.clone()))?);
        Ok::<_, InferenceError>(match probabilities.unwrap_or_else(|| Probabilities::usual(logits.dims()[1])) {
            // An infinite logit has a finite probability; times 0 it is NaN, which the stitching refuses.
            Probabilities::Sigmoid => sigmoid(logits.clone()) + logits * 0.0,
            Probabilities::Softmax => softmax(logits, 1),
        })
    };
    let mut sum = pass(&[])?;
    let subsets = mirror_images(axes);
    for dims in subsets.iter().filter(|dims| !dims.is_empty()) {
        let flipped = pass(dims)?;
        let (expected, got) = (sum.dims()[1], flipped.dims()[1]);
        if got != expected {
            return Err(InferenceError::OutputChannels { expected, got });
        }
        sum = sum + flipped;
    }
    Ok(sum / subsets.len() as f32)
}

/// The mirror images of windows along every subset of the axes, the windows themselves first. Each is a list of dimensions to
/// flip of a tensor `[batch, channels, depth, height, width]`.
///
/// ```
/// use medseg_inference::{Dhw, mirror_images};
///
/// let images = mirror_images(Dhw { d: true, h: false, w: true });
/// assert_eq!(images, [vec![], vec![2], vec![4], vec![2, 4]]);
/// ```
#[must_use]
pub fn mirror_images(axes: Dhw<bool>) -> Vec<Vec<usize>> {
    let mut subsets = vec![Vec::new()];
    for (axis, mirrored) in axes.to_array().into_iter().enumerate() {
        if mirrored {
            let with: Vec<Vec<usize>> =
                subsets.iter().map(|subset| [subset.as_slice(), &[axis + 2]].concat()).collect();
            subsets.extend(with);
        }
    }
    subsets
}

#[cfg(test)]
mod tests {
    use medseg_volume::Dhw;

    use super::mirror_images;

    #[test]
    fn every_subset_comes_once() {
        assert_eq!(mirror_images(Dhw::splat(false)), [[0_usize; 0]]);
        let all = mirror_images(Dhw::splat(true));
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 8);
    }
}
