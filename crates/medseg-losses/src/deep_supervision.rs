//! Losses over the outputs of several resolutions.

use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::LossError;
use crate::error::require_weights;

/// Weights of the outputs of a deeply supervised network, from the full resolution down.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LevelWeights {
    /// 1, 1/2, 1/4, 1/8, then 1/16: MONAI's default.
    #[default]
    Halving,
    /// 1 for every level.
    Same,
    /// 1 for the first level, 1/2 for the others: MONAI's `"two"`.
    HalfBelow,
    /// These; there must be one for each level.
    Given(Vec<f64>),
}

/// A loss summed over the outputs of a network at several resolutions: MONAI's `DeepSupervisionLoss`.
///
/// The target of a coarser output is picked from the full one at voxel centres (PyTorch's `nearest-exact`), so class
/// numbers stay class numbers. Weights are not normalised.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_losses::{DeepSupervision, DiceLossConfig, LevelWeights};
///
/// let device = Device::flex();
/// let target = Tensor::<5>::ones([1, 1, 8, 8, 8], &device);
/// let logits = [8, 4, 2].map(|size| Tensor::<5>::zeros([1, 1, size, size, size], &device));
/// let dice = DiceLossConfig::default().init()?;
/// let supervised = DeepSupervision::new(LevelWeights::Halving)?;
/// let loss = supervised.forward(&logits, &target, |logits, target| dice.forward(logits, target));
/// assert!((loss.into_scalar::<f32>() - (1.0 + 0.5 + 0.25) / 3.0).abs() < 1e-5);
/// # Ok::<(), medseg_losses::LossError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DeepSupervision {
    weights: LevelWeights,
}

impl DeepSupervision {
    /// With these weights.
    ///
    /// # Errors
    /// [`LossError::OutOfRange`] for a weight that is negative or not finite, [`LossError::Contradiction`] for an empty
    /// list.
    pub fn new(weights: LevelWeights) -> Result<Self, LossError> {
        if let LevelWeights::Given(list) = &weights {
            require_weights(Some(list))?;
        }
        Ok(Self { weights })
    }

    /// The weight of each of `levels` outputs.
    ///
    /// # Errors
    /// [`LossError::WeightCount`] if weights are given for another number of levels.
    pub fn weights(&self, levels: usize) -> Result<Vec<f64>, LossError> {
        match &self.weights {
            LevelWeights::Halving => Ok((0..levels).map(|level| 0.5_f64.powi(level.min(4) as i32)).collect()),
            LevelWeights::Same => Ok(vec![1.0; levels]),
            LevelWeights::HalfBelow => Ok((0..levels).map(|level| if level == 0 { 1.0 } else { 0.5 }).collect()),
            LevelWeights::Given(list) if list.len() == levels => Ok(list.clone()),
            LevelWeights::Given(list) => Err(LossError::WeightCount { found: list.len(), classes: levels }),
        }
    }

    /// The weighted sum of `loss` over `logits`, from the full resolution down; shape `[1]`.
    ///
    /// # Panics
    /// If there are no logits or [`weights`](Self::weights) refuses their number.
    #[must_use]
    pub fn forward(
        &self,
        logits: &[Tensor<5>],
        target: &Tensor<5>,
        loss: impl Fn(Tensor<5>, Tensor<5>) -> Tensor<1>,
    ) -> Tensor<1> {
        let weights = self.weights(logits.len()).unwrap_or_else(|error| panic!("deep supervision: {error}"));
        let at_level = |(logits, weight): (&Tensor<5>, f64)| {
            let [_, _, depth, height, width] = logits.dims();
            loss(logits.clone(), nearest_exact(target.clone(), [depth, height, width])).mul_scalar(weight)
        };
        let losses = logits.iter().zip(weights).map(at_level).reduce(|a, b| a + b);
        losses.expect("deep supervision: at least one output")
    }
}

/// The voxels of `target` whose centres lie nearest to those of a grid of another shape.
fn nearest_exact(mut target: Tensor<5>, shape: [usize; 3]) -> Tensor<5> {
    for (axis, size) in shape.into_iter().enumerate() {
        let full = target.dims()[axis + 2];
        if full == size {
            continue;
        }
        // PyTorch computes source positions in single precision.
        let scale = full as f32 / size as f32;
        let source = |at: usize| (((at as f32 + 0.5) * scale) as i64).min(full as i64 - 1);
        let indices: Vec<i64> = (0..size).map(source).collect();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [size]), &target.device());
        target = target.select(axis + 2, indices);
    }
    target
}
