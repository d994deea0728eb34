use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::require_not_negative;
use crate::target::{one_hot, summable};
use crate::{Activation, DiceLoss, DiceLossConfig, LossError, cross_entropy};

/// Settings of [`DiceCrossEntropyLoss`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiceCrossEntropyLossConfig {
    /// The Dice part. Its activation also decides the cross-entropy: binary for sigmoid, categorical for softmax.
    pub dice: DiceLossConfig,
    /// Factor of the Dice part.
    pub lambda_dice: f64,
    /// Factor of the cross-entropy.
    pub lambda_ce: f64,
}

impl Default for DiceCrossEntropyLossConfig {
    fn default() -> Self {
        Self { dice: DiceLossConfig::default(), lambda_dice: 1.0, lambda_ce: 1.0 }
    }
}

impl DiceCrossEntropyLossConfig {
    /// The loss with these settings.
    ///
    /// # Errors
    /// Those of [`DiceLossConfig::init`]; [`LossError::OutOfRange`] names a factor that is negative or not finite;
    /// [`LossError::Contradiction`] if the activation is [`Activation::None`]: cross-entropy needs logits.
    pub fn init(&self) -> Result<DiceCrossEntropyLoss, LossError> {
        require_not_negative("lambda_dice", self.lambda_dice)?;
        require_not_negative("lambda_ce", self.lambda_ce)?;
        if self.dice.activation == Activation::None {
            return Err(LossError::Contradiction("cross-entropy needs logits: activation must be sigmoid or softmax"));
        }
        Ok(DiceCrossEntropyLoss { dice: self.dice.init()?, lambda_dice: self.lambda_dice, lambda_ce: self.lambda_ce })
    }
}

/// Dice plus cross-entropy: `lambda_dice · Dice + lambda_ce · CE`, as MONAI's `DiceCELoss`.
///
/// The cross-entropy is the mean over all voxels, background included:
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
/// - Class weights act on the Dice part alone.
#[derive(Debug, Clone, PartialEq)]
pub struct DiceCrossEntropyLoss {
    dice: DiceLoss,
    lambda_dice: f64,
    lambda_ce: f64,
}

impl DiceCrossEntropyLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`].
    ///
    /// # Panics
    /// If [`DiceLoss::check_shapes`] refuses the shapes.
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        let dice = self.dice.forward(logits.clone(), target.clone());
        let (logits, target) = (summable(logits), summable(target));
        let channels = logits.dims()[1];
        let config = self.dice.config();
        let target = if config.to_onehot_y && channels > 1 { one_hot(target, channels) } else { target };
        let cross_entropy = if channels > 1 && config.activation == Activation::Softmax {
            cross_entropy::categorical(logits, target)
        } else {
            cross_entropy::binary(logits, target)
        };
        dice.mul_scalar(self.lambda_dice) + cross_entropy.mul_scalar(self.lambda_ce)
    }
}
