//! Tversky loss.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::classes::{Classes, expect_fit, sum_volume};
use crate::error::require_not_negative;
use crate::setters::setters;
use crate::{LossActivation, LossError, Reduction};

/// Settings of [`TverskyLoss`]; the default is MONAI's with a sigmoid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TverskyLossConfig {
    /// Activation that turns the input into probabilities.
    pub activation: LossActivation,
    /// The target holds class numbers in one channel rather than one channel for each class.
    pub to_onehot_y: bool,
    /// Counts channel 0 in the loss.
    pub include_background: bool,
    /// Weight of false positives.
    pub alpha: f64,
    /// Weight of false negatives: above `alpha` it favours recall.
    pub beta: f64,
    /// Counts over the whole batch before the quotient is taken.
    pub batch: bool,
    /// Added to the numerator.
    pub smooth_nr: f64,
    /// Added to the denominator.
    pub smooth_dr: f64,
    /// Reduction of the losses of all samples and classes to one number.
    pub reduction: Reduction,
}

impl Default for TverskyLossConfig {
    fn default() -> Self {
        Self {
            activation: LossActivation::Sigmoid,
            to_onehot_y: false,
            include_background: true,
            alpha: 0.5,
            beta: 0.5,
            batch: false,
            smooth_nr: 1e-5,
            smooth_dr: 1e-5,
            reduction: Reduction::Mean,
        }
    }
}

setters!(TverskyLossConfig {
    with_activation: activation, LossActivation;
    with_to_onehot_y: to_onehot_y, bool;
    with_include_background: include_background, bool;
    with_alpha: alpha, f64;
    with_beta: beta, f64;
    with_batch: batch, bool;
    with_smooth_nr: smooth_nr, f64;
    with_smooth_dr: smooth_dr, f64;
    with_reduction: reduction, Reduction;
});

impl TverskyLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] names a number that is negative or not finite.
    pub fn validate(&self) -> Result<(), LossError> {
        for (parameter, value) in
            [("alpha", self.alpha), ("beta", self.beta), ("smooth_nr", self.smooth_nr), ("smooth_dr", self.smooth_dr)]
        {
            require_not_negative(parameter, value)?;
        }
        Ok(())
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<TverskyLoss, LossError> {
        self.validate()?;
        Ok(TverskyLoss { config: self.clone() })
    }
}

/// Tversky loss: Dice with separate prices for what is too much and what is missing, as MONAI's `TverskyLoss`.
///
/// With `TP = Σ p g`, `FP = Σ p (1 - g)` and `FN = Σ (1 - p) g` over a volume,
///
/// ```text
/// 1 - (TP + smooth_nr) / (TP + alpha FP + beta FN + smooth_dr)
/// ```
///
/// `alpha = beta = 0.5` is Dice, `alpha = beta = 1` Jaccard.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::TverskyLossConfig;
///
/// let device = Device::flex();
/// let nothing = Tensor::<5>::full([1, 1, 2, 2, 2], -100.0, &device);
/// let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
/// let config = TverskyLossConfig { alpha: 0.3, beta: 0.7, ..TverskyLossConfig::default() };
/// assert!((config.init()?.forward(nothing, target).into_scalar::<f32>() - 1.0).abs() < 1e-5);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
///
/// # Source
/// Salehi et al. (arXiv:1706.05721); MONAI `monai/losses/tversky.py`.
#[derive(Clone, Debug, PartialEq)]
pub struct TverskyLoss {
    config: TverskyLossConfig,
}

impl TverskyLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`](crate::DiceLoss::forward).
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        expect_fit("Tversky loss", self.check_shapes(logits.dims(), target.dims()));
        let config = &self.config;
        let (p, g) = self.classes().probabilities(logits, target);
        let sum = |values| sum_volume(values, config.batch);
        let both = sum(p.clone() * g.clone());
        let extra = sum(p.clone() * (g.clone().neg() + 1.0));
        let missing = sum((p.neg() + 1.0) * g);
        let denominator = both.clone() + extra.mul_scalar(config.alpha) + missing.mul_scalar(config.beta);
        let losses = ((both + config.smooth_nr) / (denominator + config.smooth_dr)).neg() + 1.0;
        config.reduction.apply(losses)
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// [`LossError::ShapeMismatch`].
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.classes().validate(logits, target, None)
    }

    fn classes(&self) -> Classes {
        let TverskyLossConfig { activation, to_onehot_y, include_background, .. } = self.config;
        Classes { activation, to_onehot_y, include_background }
    }
}
