//! The choice of the norms.

use serde::{Deserialize, Serialize};

use crate::UNetError;

/// Norm after a convolution: the voxels and channels that share a mean and a variance. Epsilon is 1e-5 in all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Norm {
    /// Every channel of every image alone; the same in training and prediction. PyTorch's `InstanceNorm3d`.
    Instance {
        /// Adds a weight and a bias per channel.
        affine: bool,
    },
    /// Every group of neighbouring channels of every image, with a weight and a bias a channel. PyTorch's `GroupNorm`.
    Group {
        /// Number of groups; divides the channels of every level.
        groups: usize,
    },
    /// Every channel of the whole batch, with a weight and a bias a channel. PyTorch's `BatchNorm3d`: in training (on a
    /// device with autodiff) the batch's mean and variance, which also move running ones; in prediction the running ones.
    Batch {
        /// Share of a batch's statistics in the running ones, in (0, 1]; 0.1 is PyTorch's.
        momentum: f64,
    },
}

impl Default for Norm {
    /// Instance norm without parameters.
    fn default() -> Self {
        Self::Instance { affine: false }
    }
}

impl Norm {
    /// Refuses a norm that these numbers of channels do not allow.
    pub(crate) fn validate(self, channels: impl IntoIterator<Item = usize>) -> Result<(), UNetError> {
        let fail = |what: String| Err(UNetError::Config(what));
        match self {
            Self::Instance { .. } => Ok(()),
            Self::Group { groups } => match channels.into_iter().find(|c| groups == 0 || !c.is_multiple_of(groups)) {
                Some(c) => fail(format!("norm: {c} channels cannot be cut into {groups} groups")),
                None => Ok(()),
            },
            Self::Batch { momentum } if momentum > 0.0 && momentum <= 1.0 => Ok(()),
            Self::Batch { momentum } => fail(format!("norm: batch momentum must lie in (0, 1], not {momentum}")),
        }
    }

    /// Returns true if it has a weight and a bias.
    pub(crate) fn affine(self) -> bool {
        self != Self::Instance { affine: false }
    }

    /// Returns true if it saves running statistics for predictions.
    pub(crate) fn has_statistics(self) -> bool {
        matches!(self, Self::Batch { .. })
    }
}
