//! Soft Dice and Jaccard loss.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::classes::{Classes, expect_fit, sum_volume};
use crate::error::{require_not_negative, require_weights};
use crate::setters::setters;
use crate::{LossActivation, LossError, Reduction};

/// Settings of [`DiceLoss`].
///
/// The default is MONAI's `DiceLoss(sigmoid=True)`, the loss for one foreground class. For several classes:
///
/// ```
/// use medseg_losses::{LossActivation, DiceLossConfig};
///
/// let config = DiceLossConfig {
///     activation: LossActivation::Softmax,
///     to_onehot_y: true,
///     include_background: false,
///     ..DiceLossConfig::default()
/// };
/// let loss = config.init()?;
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiceLossConfig {
    /// Activation that turns the input into probabilities.
    pub activation: LossActivation,
    /// The target holds class numbers in one channel rather than one channel for each class.
    pub to_onehot_y: bool,
    /// Counts channel 0 in the loss.
    pub include_background: bool,
    /// Squares probabilities and target in the denominator.
    pub squared_pred: bool,
    /// Jaccard index (soft IoU) in place of Dice.
    pub jaccard: bool,
    /// Counts over the whole batch before the quotient is taken, so that there is one loss per class.
    pub batch: bool,
    /// A form that is right for targets between 0 and 1; it is the same for targets of 0 and 1.
    pub soft_label: bool,
    /// Added to the numerator.
    pub smooth_nr: f64,
    /// Added to the denominator. With 0, a class absent from both prediction and target gives NaN.
    pub smooth_dr: f64,
    /// Reduction of the losses of all samples and classes to one number.
    pub reduction: Reduction,
    /// A factor for the loss of each class that enters it, not normalised.
    pub weight: Option<Vec<f64>>,
}

impl Default for DiceLossConfig {
    fn default() -> Self {
        Self {
            activation: LossActivation::Sigmoid,
            to_onehot_y: false,
            include_background: true,
            squared_pred: false,
            jaccard: false,
            batch: false,
            soft_label: false,
            smooth_nr: 1e-5,
            smooth_dr: 1e-5,
            reduction: Reduction::Mean,
            weight: None,
        }
    }
}

setters!(DiceLossConfig {
    with_activation: activation, LossActivation;
    with_to_onehot_y: to_onehot_y, bool;
    with_include_background: include_background, bool;
    with_squared_pred: squared_pred, bool;
    with_jaccard: jaccard, bool;
    with_batch: batch, bool;
    with_soft_label: soft_label, bool;
    with_smooth_nr: smooth_nr, f64;
    with_smooth_dr: smooth_dr, f64;
    with_reduction: reduction, Reduction;
    with_weight: weight, Option<Vec<f64>>;
});

impl DiceLossConfig {
    /// Refuses impossible settings.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] names a smoothing term or weight that is negative or not finite;
    /// [`LossError::Contradiction`] if the list of weights is empty.
    pub fn validate(&self) -> Result<(), LossError> {
        require_not_negative("smooth_nr", self.smooth_nr)?;
        require_not_negative("smooth_dr", self.smooth_dr)?;
        require_weights(self.weight.as_deref())
    }

    /// The loss with these settings.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn init(&self) -> Result<DiceLoss, LossError> {
        self.validate()?;
        Ok(DiceLoss { config: self.clone() })
    }
}

/// Dice loss: MONAI's `DiceLoss`, for 3D.
///
/// Let `p` be the probability, `g` the target, and `I`, `P`, `G` the sums of `p g`, `p` and `g` over a volume. The loss
/// of one class of one sample is
///
/// ```text
/// 1 - (2 I + smooth_nr) / (P + G + smooth_dr)
/// 1 - (2 I + smooth_nr) / (2 (P + G - I) + smooth_dr)     with jaccard
/// ```
///
/// `squared_pred` makes `P` and `G` sums of squares; `soft_label` (without it) makes
/// `I = (Σ|p| + Σ|g| - Σ|p - g|) / 2`, which is 0 loss only for `p = g`. The order of things is activation, one-hot,
/// background removal, sums, weights, reduction.
///
/// With a single channel, `softmax`, `to_onehot_y` and `include_background = false` have no effect; with a single
/// class left, neither have weights. MONAI does the same, with a warning.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::DiceLossConfig;
///
/// let device = Device::flex();
/// let logits = Tensor::<5>::full([1, 1, 2, 2, 2], 100.0, &device);
/// let target = Tensor::<5>::ones([1, 1, 2, 2, 2], &device);
/// let loss = DiceLossConfig::default().init()?.forward(logits, target);
/// assert!(loss.into_scalar::<f32>().abs() < 1e-6);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
///
/// # Differences from MONAI
/// - A class number that is not a class belongs to no class here; MONAI fails on it. Check labels where they are read.
/// - Half precision is summed in single precision.
///
/// # Source
/// Milletari et al., "V-Net" (arXiv:1606.04797); MONAI `monai/losses/dice.py`.
#[derive(Clone, Debug, PartialEq)]
pub struct DiceLoss {
    config: DiceLossConfig,
}

impl DiceLoss {
    /// The settings.
    #[must_use]
    pub fn config(&self) -> &DiceLossConfig {
        &self.config
    }

    /// The loss of a batch as one number, shape `[1]`.
    ///
    /// # Shapes
    /// - logits: `[batch, channels, depth, height, width]`
    /// - target: the same, or `[batch, 1, depth, height, width]` with `to_onehot_y`; values 0 to 1, or class numbers
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        #[cfg(feature = "cube")]
        if let Some(loss) = self.forward_on_gpu(&logits, &target) {
            return loss;
        }
        self.config.reduction.apply(self.forward_no_reduction(logits, target))
    }

    /// The same by a kernel, where there is one for these settings and tensors.
    #[cfg(feature = "cube")]
    fn forward_on_gpu(&self, logits: &Tensor<5>, target: &Tensor<5>) -> Option<Tensor<1>> {
        use crate::cube::{Overlap, covers, overlap_loss};
        use crate::target::summable;

        let DiceLossConfig { activation, batch, jaccard, smooth_nr, smooth_dr, reduction, .. } = self.config;
        let (logits, target) = (summable(logits.clone()), summable(target.clone()));
        let plain = !self.config.squared_pred && !self.config.soft_label && self.config.weight.is_none();
        if !plain || !covers(&logits) || !covers(&target) {
            return None;
        }
        expect_fit("Dice loss", self.check_shapes(logits.dims(), target.dims()));
        let (sigmoid, classes) = (activation == LossActivation::Sigmoid, self.classes());
        let (prediction, target) = if sigmoid {
            let channels = logits.dims()[1];
            (classes.without_background(logits), classes.target(target, channels))
        } else {
            classes.probabilities(logits, target)
        };
        let mean = reduction == Reduction::Mean;
        Some(overlap_loss(prediction, target, Overlap { sigmoid, jaccard, batch, mean, smooth_nr, smooth_dr }))
    }

    /// The weighted loss of each sample and class, `[batch, classes]`, or `[1, classes]` with `batch`.
    ///
    /// This is MONAI's `reduction="none"` without its trailing axes of length 1.
    ///
    /// # Panics
    /// If [`check_shapes`](Self::check_shapes) refuses the shapes.
    #[must_use]
    pub fn forward_no_reduction(&self, logits: Tensor<5>, target: Tensor<5>) -> Tensor<2> {
        expect_fit("Dice loss", self.check_shapes(logits.dims(), target.dims()));
        let (probabilities, target) = self.classes().probabilities(logits, target);
        let [intersection, predicted, reference] = self.sums(probabilities, target);
        let total = predicted + reference;
        let denominator = if self.config.jaccard { (total - intersection.clone()).mul_scalar(2.0) } else { total };
        let numerator = intersection.mul_scalar(2.0) + self.config.smooth_nr;
        let losses = (numerator / (denominator + self.config.smooth_dr)).neg() + 1.0;
        self.weigh(losses)
    }

    /// Checks that [`forward`](Self::forward) accepts tensors of these shapes.
    ///
    /// # Errors
    /// [`LossError::ShapeMismatch`]; [`LossError::WeightCount`] if there are weights for another number of classes.
    pub fn check_shapes(&self, logits: [usize; 5], target: [usize; 5]) -> Result<(), LossError> {
        self.classes().validate(logits, target, self.config.weight.as_deref())
    }

    pub(crate) fn classes(&self) -> Classes {
        let DiceLossConfig { activation, to_onehot_y, include_background, .. } = self.config;
        Classes { activation, to_onehot_y, include_background }
    }

    /// Intersection, size of the prediction and size of the target, each `[batch or 1, classes]`.
    fn sums(&self, p: Tensor<5>, g: Tensor<5>) -> [Tensor<2>; 3] {
        if self.config.squared_pred {
            let intersection = self.sum(p.clone() * g.clone());
            return [intersection, self.sum(p.clone() * p), self.sum(g.clone() * g)];
        }
        if self.config.soft_label {
            let (predicted, reference) = (self.sum(p.clone().abs()), self.sum(g.clone().abs()));
            let apart = self.sum((p - g).abs());
            let intersection = (predicted.clone() + reference.clone() - apart).mul_scalar(0.5);
            return [intersection, predicted, reference];
        }
        [self.sum(p.clone() * g.clone()), self.sum(p), self.sum(g)]
    }

    fn sum(&self, values: Tensor<5>) -> Tensor<2> {
        sum_volume(values, self.config.batch)
    }

    fn weigh(&self, losses: Tensor<2>) -> Tensor<2> {
        let classes = losses.dims()[1];
        match &self.config.weight {
            Some(weight) if classes > 1 => {
                let weight = TensorData::new(weight.clone(), [1, classes]);
                losses.clone() * Tensor::from_data(weight, (&losses.device(), losses.dtype()))
            }
            _ => losses,
        }
    }
}
