//! Choice of the channels that enter a loss, and their probabilities.

use burn::tensor::{Tensor, activation};

use crate::target::{one_hot, summable};
use crate::{LossActivation, LossError};

/// Channels that enter a loss, and their probabilities: the steps that all losses of regions share.
///
/// With a single channel, softmax, one-hot and leaving the background out have no effect, as in MONAI.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Classes {
    pub activation: LossActivation,
    pub to_onehot_y: bool,
    pub include_background: bool,
}

impl Classes {
    /// Refuses logits and target that do not fit together, and weights for another number of classes.
    pub fn validate(&self, logits: [usize; 5], target: [usize; 5], weight: Option<&[f64]>) -> Result<(), LossError> {
        let channels = logits[1];
        let mut expected = logits;
        if self.to_onehot_y && channels > 1 {
            expected[1] = 1;
        }
        if target != expected {
            return Err(LossError::ShapeMismatch { logits, target, expected });
        }
        let classes = if self.drops_background(channels) { channels - 1 } else { channels };
        match weight {
            Some(weight) if classes != 1 && weight.len() != classes => {
                Err(LossError::WeightCount { found: weight.len(), classes })
            }
            _ => Ok(()),
        }
    }

    /// LossActivation and target, one channel for each class that enters the loss; half precision becomes single.
    pub fn probabilities(&self, logits: Tensor<5>, target: Tensor<5>) -> (Tensor<5>, Tensor<5>) {
        let channels = logits.dims()[1];
        let logits = summable(logits);
        let probabilities = match self.activation {
            LossActivation::Sigmoid => activation::sigmoid(logits),
            LossActivation::Softmax if channels > 1 => activation::softmax(logits, 1),
            LossActivation::Softmax | LossActivation::Given => logits,
        };
        (self.without_background(probabilities), self.target(target, channels))
    }

    /// The target with one channel for each class that enters the loss.
    pub fn target(&self, target: Tensor<5>, channels: usize) -> Tensor<5> {
        let target = summable(target);
        self.without_background(if self.to_onehot_y && channels > 1 { one_hot(target, channels) } else { target })
    }

    /// The channels of the classes that enter the loss.
    pub fn without_background(&self, values: Tensor<5>) -> Tensor<5> {
        let channels = values.dims()[1];
        if self.drops_background(channels) { values.narrow(1, 1, channels - 1) } else { values }
    }

    fn drops_background(&self, channels: usize) -> bool {
        !self.include_background && channels > 1
    }
}

/// Sums over the volume, `[batch, classes]`, or over the batch too, `[1, classes]`.
pub(crate) fn sum_volume(values: Tensor<5>, batch: bool) -> Tensor<2> {
    let [samples, classes, depth, height, width] = values.dims();
    let sums = values.reshape([samples, classes, depth * height * width]).sum_dim(2).squeeze_dim::<2>(2);
    if batch { sums.sum_dim(0) } else { sums }
}

/// Panics with the loss's name if the shapes were refused.
pub(crate) fn expect_fit(loss: &str, checked: Result<(), LossError>) {
    if let Err(error) = checked {
        panic!("{loss}: {error}");
    }
}
