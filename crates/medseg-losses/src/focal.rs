//! Focal loss.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::classes::{Classes, expect_fit};
use crate::error::{require_not_negative, require_weights};
use crate::setters::setters;
use crate::target::summable;
use crate::weights::per_class;
use crate::{LossActivation, LossError, Reduction};

/// Below this, `1 - p` counts as this: its power has no finite slope at 0 for exponents below 1.
const SMALLEST_DOUBT: f64 = 1e-20;

/// Settings of [`FocalLoss`]; the default is MONAI's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FocalLossConfig {
    /// Sigmoid (binary and multi-label) or softmax.
    pub activation: LossActivation,
    /// The target holds class numbers in one channel rather than one channel for each class.
    pub to_onehot_y: bool,
    /// Counts channel 0 in the loss. With softmax the probabilities are still those over all channels.
    pub include_background: bool,
    /// Exponent; 0 is cross-entropy, larger values look less at what is right already.
    pub gamma: f64,
    /// Balance, 0 to 1: factor of foreground (sigmoid) or of every class but the first (softmax); the rest gets
    /// `1 - alpha`.
    pub alpha: Option<f64>,
    /// A factor for the loss of each class that enters it.
    pub weight: Option<Vec<f64>>,
    /// [`Mean`](Reduction::Mean) over voxels, samples and classes; [`Sum`](Reduction::Sum) adds up the means over the
    /// volume of all samples and classes, as MONAI does.
    pub reduction: Reduction,
}

impl Default for FocalLossConfig {
    fn default() -> Self {
        Self {
            activation: LossActivation::Sigmoid,
            to_onehot_y: false,
            include_background: true,
            gamma: 2.0,
            alpha: None,
            weight: None,
            reduction: Reduction::Mean,
        }
    }
}

setters!(FocalLossConfig {
    with_activation: activation, LossActivation;
    with_to_onehot_y: to_onehot_y, bool;
    with_include_background: include_background, bool;
    with_gamma: gamma, f64;
    with_alpha: alpha, Option<f64>;
    with_weight: weight, Option<Vec<f64>>;
    with_reduction: reduction, Reduction;
});

impl FocalLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] names a number out of its range; [`LossError::Contradiction`] for
    /// [`LossActivation::Given`], an empty list of weights, or softmax with `alpha` but without the background, which is the
    /// class that `1 - alpha` is for.
    pub fn validate(&self) -> Result<(), LossError> {
        require_not_negative("gamma", self.gamma)?;
        if let Some(value) = self.alpha.filter(|alpha| !(0.0..=1.0).contains(alpha)) {
            return Err(LossError::OutOfRange { parameter: "alpha", value, expected: "between 0 and 1" });
        }
        require_weights(self.weight.as_deref())?;
        match self.activation {
            LossActivation::Given => {
                Err(LossError::Contradiction("focal loss needs logits: activation must be sigmoid or softmax"))
            }
            LossActivation::Softmax if self.alpha.is_some() && !self.include_background => {
                Err(LossError::Contradiction("softmax with alpha needs include_background"))
            }
            _ => Ok(()),
        }
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<FocalLoss, LossError> {
        self.validate()?;
        Ok(FocalLoss { config: self.clone() })
    }
}

/// Focal loss: cross-entropy in which a voxel counts by how wrong it is, `(1 - p_t)^gamma · CE`; MONAI's `FocalLoss`.
///
/// `p_t` is the probability of what is right. Everything is computed from logits by log-sigmoid and log-softmax, so
/// value and gradient are finite for any finite logits.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::FocalLossConfig;
///
/// let device = Device::flex();
/// let undecided = Tensor::<5>::zeros([1, 1, 2, 2, 2], &device);
/// let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
/// let loss = FocalLossConfig::default().init()?.forward(undecided, target);
/// assert!((loss.into_scalar::<f32>() - 0.25 * 2_f32.ln()).abs() < 1e-6);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
///
/// # Differences from MONAI
/// Without the background MONAI takes the softmax over the remaining channels only, here it is over all of them.
///
/// # Source
/// Lin et al. (arXiv:1708.02002); MONAI `monai/losses/focal_loss.py`.
#[derive(Clone, Debug, PartialEq)]
pub struct FocalLoss {
    config: FocalLossConfig,
}

impl FocalLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`](crate::DiceLoss::forward).
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        expect_fit("focal loss", self.check_shapes(logits.dims(), target.dims()));
        let classes = self.classes();
        let channels = logits.dims()[1];
        let target = classes.target(target, channels);
        let logits = summable(logits);
        let mut losses = match self.config.activation {
            LossActivation::Softmax if channels > 1 => self.categorical(logits, target),
            _ => self.binary(classes.without_background(logits), target),
        };
        let entering = losses.dims()[1];
        if let Some(weight) = self.config.weight.as_ref().filter(|_| entering > 1) {
            losses = losses.clone() * per_class(weight, &losses);
        }
        match self.config.reduction {
            Reduction::Mean => losses.mean(),
            Reduction::Sum => {
                let [_, _, depth, height, width] = losses.dims();
                losses.sum().div_scalar((depth * height * width) as f64)
            }
        }
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// [`LossError::ShapeMismatch`]; [`LossError::WeightCount`] if there are weights for another number of classes.
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.classes().validate(logits, target, self.config.weight.as_deref())
    }

    /// `exp(γ log σ(-x (2t - 1))) (softplus(x) - x t)`.
    fn binary(&self, x: Tensor<5>, t: Tensor<5>) -> Tensor<5> {
        let cross_entropy = x.clone() - x.clone() * t.clone() - activation::log_sigmoid(x.clone());
        let log_doubt = activation::log_sigmoid(x.neg() * (t.clone().mul_scalar(2.0) - 1.0));
        let losses = log_doubt.mul_scalar(self.config.gamma).exp() * cross_entropy;
        match self.config.alpha {
            Some(alpha) => losses * (t.mul_scalar(2.0 * alpha - 1.0) + (1.0 - alpha)),
            None => losses,
        }
    }

    /// `-(1 - p)^γ log p` where the target is 1, over all channels; then the background is left out if asked for.
    fn categorical(&self, x: Tensor<5>, target: Tensor<5>) -> Tensor<5> {
        let classes = self.classes();
        let log_p = classes.without_background(activation::log_softmax(x, 1));
        let doubt = (log_p.clone().exp().neg() + 1.0).clamp_min(SMALLEST_DOUBT);
        let losses = doubt.powf_scalar(self.config.gamma) * log_p.neg() * target;
        match self.config.alpha {
            Some(alpha) => {
                let factors: Vec<f64> =
                    (0..losses.dims()[1]).map(|class| if class == 0 { 1.0 - alpha } else { alpha }).collect();
                losses.clone() * per_class(&factors, &losses)
            }
            None => losses,
        }
    }

    fn classes(&self) -> Classes {
        let FocalLossConfig { activation, to_onehot_y, include_background, .. } = self.config;
        Classes { activation, to_onehot_y, include_background }
    }
}
