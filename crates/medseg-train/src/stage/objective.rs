//! The objective of a stage: its loss, over the outputs of deep supervision if there are any, and the penalty.

use burn::tensor::Tensor;
use medseg_bundle::StageNetwork;
use medseg_losses::{DeepSupervision, module_orthogonality_penalty};

use crate::TrainError;
use crate::config::{Loss, StageConfig};

/// The function of weights and data that training minimises.
#[derive(Clone, Debug)]
pub(super) struct Objective {
    loss: Loss,
    supervision: Option<DeepSupervision>,
    orthogonality: f64,
    /// True if the network's dropout draws numbers.
    pub draws: bool,
}

impl Objective {
    pub fn of(config: &StageConfig) -> Result<Self, TrainError> {
        let supervision = match config.network.outputs() {
            1 => None,
            _ => Some(DeepSupervision::new(config.deep_supervision_weights.clone())?),
        };
        Ok(Self {
            loss: config.loss.init()?,
            supervision,
            orthogonality: config.orthogonality,
            draws: config.network.has_dropout(),
        })
    }

    /// Images and targets `[batch, 1, depth, height, width]`; shape `[1]`.
    pub fn forward(&self, network: &StageNetwork, image: Tensor<5>, target: Tensor<5>) -> Tensor<1> {
        let loss = match &self.supervision {
            Some(deep) => deep.forward(&network.forward_deep(image), &target, |l, t| self.loss.forward(l, t)),
            None => self.loss.forward(network.forward(image), target),
        };
        if self.orthogonality == 0.0 {
            return loss;
        }
        match module_orthogonality_penalty(network) {
            Some(penalty) => loss + penalty.mul_scalar(self.orthogonality),
            None => loss,
        }
    }
}
