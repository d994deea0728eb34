//! Binary and categorical cross-entropy.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::classes::{Classes, expect_fit};
use crate::error::require_weights;
use crate::setters::setters;
use crate::target::summable;
use crate::weights::per_class;
use crate::{LossActivation, LossError, Reduction};

/// Settings of [`CrossEntropyLoss`].
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossEntropyLossConfig {
    /// Sigmoid for the binary cross-entropy of each channel, softmax for the categorical one over the channels.
    pub activation: LossActivation,
    /// The target holds class numbers in one channel rather than one channel for each class.
    pub to_onehot_y: bool,
    /// With softmax the weight of each class, with sigmoid the factor of the positive term of each channel (PyTorch's
    /// `pos_weight`). One for each channel.
    pub weight: Option<Vec<f64>>,
    /// Over voxels, samples and, with sigmoid, channels. As in PyTorch, the mean over weighted class numbers is divided
    /// by the sum of their weights (NaN if that is 0). With one channel for each class it is divided by the number of
    /// voxels.
    pub reduction: Reduction,
}

setters!(CrossEntropyLossConfig {
    with_activation: activation, LossActivation;
    with_to_onehot_y: to_onehot_y, bool;
    with_weight: weight, Option<Vec<f64>>;
    with_reduction: reduction, Reduction;
});

impl CrossEntropyLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] names a weight that is negative or not finite; [`LossError::Contradiction`] for
    /// [`LossActivation::Given`] or an empty list of weights.
    pub fn validate(&self) -> Result<(), LossError> {
        require_weights(self.weight.as_deref())?;
        if self.activation == LossActivation::Given {
            return Err(LossError::Contradiction("cross-entropy needs logits: activation must be sigmoid or softmax"));
        }
        Ok(())
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<CrossEntropyLoss, LossError> {
        self.validate()?;
        Ok(CrossEntropyLoss { config: self.clone() })
    }
}

/// Binary or categorical cross-entropy from logits: PyTorch's `BCEWithLogitsLoss` and `CrossEntropyLoss`.
///
/// - with sigmoid, or a single channel: `w y softplus(-x) + (1 - y) softplus(x)`, target values 0 to 1;
/// - with softmax over several channels: `-Σ w y log softmax(x)`.
///
/// Neither takes the logarithm of a rounded probability.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::CrossEntropyLossConfig;
///
/// let device = Device::flex();
/// let undecided = Tensor::<5>::zeros([1, 1, 2, 2, 2], &device);
/// let loss = CrossEntropyLossConfig::default().init()?.forward(undecided.clone(), undecided);
/// assert!((loss.into_scalar::<f32>() - 2_f32.ln()).abs() < 1e-6);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CrossEntropyLoss {
    config: CrossEntropyLossConfig,
}

impl CrossEntropyLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`](crate::DiceLoss::forward).
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        expect_fit("cross-entropy", self.check_shapes(logits.dims(), target.dims()));
        let channels = logits.dims()[1];
        let target = self.classes().target(target, channels);
        let logits = summable(logits);
        if channels > 1 && self.config.activation == LossActivation::Softmax {
            self.categorical(logits, target)
        } else {
            self.binary(logits, target)
        }
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// [`LossError::ShapeMismatch`]; [`LossError::WeightCount`] if there are weights for another number of channels.
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.classes().validate(logits, target, None)?;
        match &self.config.weight {
            Some(weight) if weight.len() != logits[1] => {
                Err(LossError::WeightCount { found: weight.len(), classes: logits[1] })
            }
            _ => Ok(()),
        }
    }

    fn binary(&self, x: Tensor<5>, y: Tensor<5>) -> Tensor<1> {
        let losses = match &self.config.weight {
            None => activation::log_sigmoid(x.clone().neg()).neg() - x * y,
            Some(weight) => {
                let positive = activation::log_sigmoid(x.clone()) * y.clone() * per_class(weight, &x);
                let negative = activation::log_sigmoid(x.neg()) * (y.neg() + 1.0);
                (positive + negative).neg()
            }
        };
        self.config.reduction.apply(losses)
    }

    fn categorical(&self, x: Tensor<5>, y: Tensor<5>) -> Tensor<1> {
        let [batch, _, depth, height, width] = x.dims();
        let weighted = match &self.config.weight {
            Some(weight) => y.clone() * per_class(weight, &y),
            None => y,
        };
        let sum = (activation::log_softmax(x, 1) * weighted.clone()).sum().neg();
        match (self.config.reduction, &self.config.weight) {
            (Reduction::Sum, _) => sum,
            (Reduction::Mean, Some(_)) if self.config.to_onehot_y => sum / weighted.sum(),
            (Reduction::Mean, _) => sum.div_scalar((batch * depth * height * width) as f64),
        }
    }

    fn classes(&self) -> Classes {
        let CrossEntropyLossConfig { activation, to_onehot_y, .. } = self.config;
        Classes { activation, to_onehot_y, include_background: true }
    }
}
