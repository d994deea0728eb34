//! Dice plus cross-entropy.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::require_not_negative;
use crate::setters::setters;
use crate::{CrossEntropyLoss, CrossEntropyLossConfig, DiceLoss, DiceLossConfig, LossError};

/// Settings of [`DiceCrossEntropyLoss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiceCrossEntropyLossConfig {
    /// The Dice part. Its activation also decides the cross-entropy: binary for sigmoid, categorical for softmax.
    pub dice: DiceLossConfig,
    /// Factor of the Dice part.
    pub lambda_dice: f64,
    /// Factor of the cross-entropy.
    pub lambda_ce: f64,
    /// Weights of the cross-entropy, one for each channel, background included: see [`CrossEntropyLossConfig::weight`].
    pub ce_weight: Option<Vec<f64>>,
}

impl Default for DiceCrossEntropyLossConfig {
    fn default() -> Self {
        Self { dice: DiceLossConfig::default(), lambda_dice: 1.0, lambda_ce: 1.0, ce_weight: None }
    }
}

setters!(DiceCrossEntropyLossConfig {
    with_dice: dice, DiceLossConfig;
    with_lambda_dice: lambda_dice, f64;
    with_lambda_ce: lambda_ce, f64;
    with_ce_weight: ce_weight, Option<Vec<f64>>;
});

impl DiceCrossEntropyLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn validate(&self) -> Result<(), LossError> {
        self.init().map(drop)
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// Those of [`DiceLossConfig::init`]; [`LossError::OutOfRange`] names a factor that is negative or not finite;
    /// [`LossError::Contradiction`] if the activation is [`LossActivation::Given`](crate::LossActivation::Given): cross-entropy needs logits.
    pub fn init(&self) -> Result<DiceCrossEntropyLoss, LossError> {
        require_not_negative("lambda_dice", self.lambda_dice)?;
        require_not_negative("lambda_ce", self.lambda_ce)?;
        let cross_entropy = CrossEntropyLossConfig {
            activation: self.dice.activation,
            to_onehot_y: self.dice.to_onehot_y,
            weight: self.ce_weight.clone(),
            reduction: self.dice.reduction,
        };
        let (dice, cross_entropy) = (self.dice.init()?, cross_entropy.init()?);
        Ok(DiceCrossEntropyLoss { dice, cross_entropy, lambda_dice: self.lambda_dice, lambda_ce: self.lambda_ce })
    }
}

/// Dice plus cross-entropy: `lambda_dice · Dice + lambda_ce · CE`, as MONAI's `DiceCELoss`.
///
/// The cross-entropy, a [`CrossEntropyLoss`], is over all voxels, background included, and has the Dice part's reduction:
/// - with sigmoid, or a single channel, the binary one, `softplus(x) - x y`;
/// - with softmax over several channels the categorical one, `-Σ y log softmax(x)`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::DiceCrossEntropyLossConfig;
///
/// let device = Device::flex();
/// let logits = Tensor::<5>::zeros([1, 1, 2, 2, 2], &device);
/// let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
/// let loss = DiceCrossEntropyLossConfig::default().init()?.forward(logits, target);
/// // Dice 1 - 8 / 12 and ln 2.
/// assert!((loss.into_scalar::<f32>() - (1.0 / 3.0 + 2_f32.ln())).abs() < 1e-5);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
///
/// # Differences from MONAI
/// - MONAI takes the categorical cross-entropy for every input of several channels, also next to a sigmoid Dice.
/// - MONAI's one list of weights is two here: the Dice part's, without the background if that is left out, and
///   `ce_weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct DiceCrossEntropyLoss {
    dice: DiceLoss,
    cross_entropy: CrossEntropyLoss,
    lambda_dice: f64,
    lambda_ce: f64,
}

impl DiceCrossEntropyLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`].
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        let dice = self.dice.forward(logits.clone(), target.clone());
        dice.mul_scalar(self.lambda_dice) + self.cross_entropy.forward(logits, target).mul_scalar(self.lambda_ce)
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// As [`DiceLoss::check_shapes`] and [`CrossEntropyLoss::check_shapes`].
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.dice.check_shapes(logits, target)?;
        self.cross_entropy.check_shapes(logits, target)
    }
}
