//! Generalised Dice loss.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::classes::{Classes, expect_fit, sum_volume};
use crate::error::require_not_negative;
use crate::setters::setters;
use crate::{LossActivation, LossError, Reduction};

/// Weight of a class in [`GeneralizedDiceLoss`], from the number `n` of its target voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeighting {
    /// `1 / n²`, as in the paper.
    #[default]
    Square,
    /// `1 / n`.
    Simple,
    /// 1 for every class.
    Uniform,
}

/// Settings of [`GeneralizedDiceLoss`]; the default is MONAI's with a sigmoid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeneralizedDiceLossConfig {
    /// Activation that turns the input into probabilities.
    pub activation: LossActivation,
    /// The target holds class numbers in one channel rather than one channel for each class.
    pub to_onehot_y: bool,
    /// Counts channel 0 in the loss.
    pub include_background: bool,
    /// Weight of each class.
    pub weighting: ClassWeighting,
    /// Counts over the whole batch before the quotient is taken.
    pub batch: bool,
    /// Added to the numerator. Weighted sums are small numbers: with [`ClassWeighting::Square`] about `1 / n`, so that
    /// for large volumes MONAI's 1e-5 is no longer negligible.
    pub smooth_nr: f64,
    /// Added to the denominator.
    pub smooth_dr: f64,
    /// Reduces the losses of all samples to one number.
    pub reduction: Reduction,
}

impl Default for GeneralizedDiceLossConfig {
    fn default() -> Self {
        Self {
            activation: LossActivation::Sigmoid,
            to_onehot_y: false,
            include_background: true,
            weighting: ClassWeighting::Square,
            batch: false,
            smooth_nr: 1e-5,
            smooth_dr: 1e-5,
            reduction: Reduction::Mean,
        }
    }
}

setters!(GeneralizedDiceLossConfig {
    with_activation: activation, LossActivation;
    with_to_onehot_y: to_onehot_y, bool;
    with_include_background: include_background, bool;
    with_weighting: weighting, ClassWeighting;
    with_batch: batch, bool;
    with_smooth_nr: smooth_nr, f64;
    with_smooth_dr: smooth_dr, f64;
    with_reduction: reduction, Reduction;
});

impl GeneralizedDiceLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] names a smoothing term that is negative or not finite.
    pub fn validate(&self) -> Result<(), LossError> {
        require_not_negative("smooth_nr", self.smooth_nr)?;
        require_not_negative("smooth_dr", self.smooth_dr)
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<GeneralizedDiceLoss, LossError> {
        self.validate()?;
        Ok(GeneralizedDiceLoss { config: self.clone() })
    }
}

/// Generalised Dice loss: one quotient over all classes, in which rare classes weigh more; MONAI's
/// `GeneralizedDiceLoss`.
///
/// With `I`, `P`, `G` the sums of `p g`, `p` and `g` of class `c` and its weight `w` by [`ClassWeighting`],
///
/// ```text
/// 1 - (2 Σ_c w I + smooth_nr) / (Σ_c w (P + G) + smooth_dr)
/// ```
///
/// for each sample, or once with `batch`. A class without target voxels gets the largest weight of the other classes,
/// and 0 if no class has any. No gradient flows through the weights.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::GeneralizedDiceLossConfig;
///
/// let device = Device::flex();
/// let logits = Tensor::<5>::full([1, 2, 2, 2, 2], 100.0, &device);
/// let target = Tensor::<5>::ones([1, 2, 2, 2, 2], &device);
/// let loss = GeneralizedDiceLossConfig::default().init()?.forward(logits, target);
/// assert!(loss.into_scalar::<f32>().abs() < 1e-6);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
///
/// # Source
/// Sudre et al. (arXiv:1707.03237); MONAI `monai/losses/dice.py`.
#[derive(Clone, Debug, PartialEq)]
pub struct GeneralizedDiceLoss {
    config: GeneralizedDiceLossConfig,
}

impl GeneralizedDiceLoss {
    /// The loss of a batch as one number, shape `[1]`; shapes as for [`DiceLoss::forward`](crate::DiceLoss::forward).
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        expect_fit("generalised Dice loss", self.check_shapes(logits.dims(), target.dims()));
        let config = &self.config;
        let (p, g) = self.classes().probabilities(logits, target);
        let sum = |values| sum_volume(values, config.batch);
        let reference = sum(g.clone());
        let weights = self.weights(reference.clone());
        let intersection = (sum(p.clone() * g) * weights.clone()).sum_dim(1);
        let total = ((sum(p) + reference) * weights).sum_dim(1);
        let losses = ((intersection.mul_scalar(2.0) + config.smooth_nr) / (total + config.smooth_dr)).neg() + 1.0;
        config.reduction.apply(losses)
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// [`LossError::ShapeMismatch`].
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.classes().validate(logits, target, None)
    }

    /// From target sizes `[batch or 1, classes]`, which carry no gradient.
    fn weights(&self, sizes: Tensor<2>) -> Tensor<2> {
        let sizes = sizes.detach();
        let absent = sizes.clone().equal_elem(0.0);
        let present = sizes.clone().mask_fill(absent.clone(), 1.0);
        let weights = match self.config.weighting {
            ClassWeighting::Square => (present.clone() * present).recip(),
            ClassWeighting::Simple => present.recip(),
            ClassWeighting::Uniform => return present.ones_like(),
        };
        let weights = weights.mask_fill(absent.clone(), 0.0);
        let largest = weights.clone().max_dim(1).expand(sizes.dims());
        weights.mask_where(absent, largest)
    }

    fn classes(&self) -> Classes {
        let GeneralizedDiceLossConfig { activation, to_onehot_y, include_background, .. } = self.config;
        Classes { activation, to_onehot_y, include_background }
    }
}
