//! Dice plus focal loss.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::require_not_negative;
use crate::setters::setters;
use crate::{DiceLoss, DiceLossConfig, FocalLoss, FocalLossConfig, LossActivation, LossError};

/// Settings of [`DiceFocalLoss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiceFocalLossConfig {
    /// The Dice part. Its one-hot, background, weights and reduction are the focal part's too.
    pub dice: DiceLossConfig,
    /// LossActivation of the focal part: MONAI always takes the sigmoid there.
    pub focal_activation: LossActivation,
    /// Exponent of the focal part.
    pub gamma: f64,
    /// Balance of the focal part, see [`FocalLossConfig::alpha`].
    pub alpha: Option<f64>,
    /// Factor of the Dice part.
    pub lambda_dice: f64,
    /// Factor of the focal part.
    pub lambda_focal: f64,
}

impl Default for DiceFocalLossConfig {
    fn default() -> Self {
        Self {
            dice: DiceLossConfig::default(),
            focal_activation: LossActivation::Sigmoid,
            gamma: 2.0,
            alpha: None,
            lambda_dice: 1.0,
            lambda_focal: 1.0,
        }
    }
}

setters!(DiceFocalLossConfig {
    with_dice: dice, DiceLossConfig;
    with_focal_activation: focal_activation, LossActivation;
    with_gamma: gamma, f64;
    with_alpha: alpha, Option<f64>;
    with_lambda_dice: lambda_dice, f64;
    with_lambda_focal: lambda_focal, f64;
});

impl DiceFocalLossConfig {
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
    /// Those of [`DiceLossConfig::init`] and [`FocalLossConfig::init`]; [`LossError::OutOfRange`] names a factor that is
    /// negative or not finite; [`LossError::Contradiction`] if the Dice part takes probabilities: the focal one needs
    /// logits.
    pub fn init(&self) -> Result<DiceFocalLoss, LossError> {
        require_not_negative("lambda_dice", self.lambda_dice)?;
        require_not_negative("lambda_focal", self.lambda_focal)?;
        if self.dice.activation == LossActivation::Given {
            return Err(LossError::Contradiction("focal loss needs logits: activation must be sigmoid or softmax"));
        }
        let focal = FocalLossConfig {
            activation: self.focal_activation,
            to_onehot_y: self.dice.to_onehot_y,
            include_background: self.dice.include_background,
            gamma: self.gamma,
            alpha: self.alpha,
            weight: self.dice.weight.clone(),
            reduction: self.dice.reduction,
        };
        let (dice, focal) = (self.dice.init()?, focal.init()?);
        Ok(DiceFocalLoss { dice, focal, lambda_dice: self.lambda_dice, lambda_focal: self.lambda_focal })
    }
}

/// Dice plus focal loss: `lambda_dice · Dice + lambda_focal · focal`, as MONAI's `DiceFocalLoss`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::DiceFocalLossConfig;
///
/// let device = Device::flex();
/// let logits = Tensor::<5>::zeros([1, 1, 2, 2, 2], &device);
/// let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
/// let loss = DiceFocalLossConfig::default().init()?.forward(logits, target);
/// assert!((loss.into_scalar::<f32>() - (1.0 / 3.0 + 0.25 * 2_f32.ln())).abs() < 1e-5);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DiceFocalLoss {
    dice: DiceLoss,
    focal: FocalLoss,
    lambda_dice: f64,
    lambda_focal: f64,
}

impl DiceFocalLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`].
    ///
    /// # Panics
    /// If [`DiceLoss::check_shapes`] refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        let dice = self.dice.forward(logits.clone(), target.clone());
        dice.mul_scalar(self.lambda_dice) + self.focal.forward(logits, target).mul_scalar(self.lambda_focal)
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// As [`DiceLoss::check_shapes`].
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.dice.check_shapes(logits, target)
    }
}
