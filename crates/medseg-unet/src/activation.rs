//! Activation functions between two convolutions.

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::UNetError;

/// The function behind a block's norms.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Activation {
    /// max(x, 0).
    #[default]
    Relu,
    /// x above 0, slope · x below.
    LeakyRelu {
        /// In (0, 1); 0.01 is PyTorch's.
        slope: f64,
    },
    /// x · Φ(x), with the exact error function.
    Gelu,
    /// x · sigmoid(x), also known as Swish.
    Silu,
}

impl Activation {
    /// Refuses a slope that is none.
    pub(crate) fn validate(self) -> Result<(), UNetError> {
        match self {
            Self::LeakyRelu { slope } if !(slope > 0.0 && slope < 1.0) => {
                Err(UNetError::Config(format!("the slope of leaky_relu must lie in (0, 1), not {slope}")))
            }
            _ => Ok(()),
        }
    }

    /// Slope below 0 of a ReLU or leaky ReLU, which the norm's kernels compute in the same pass.
    pub(crate) fn slope(self) -> Option<f64> {
        match self {
            Self::Relu => Some(0.0),
            Self::LeakyRelu { slope } => Some(slope),
            Self::Gelu | Self::Silu => None,
        }
    }

    /// The square of PyTorch's `calculate_gain`: 2 for a ReLU, 2 / (1 + slope²) for a leaky one. The smooth functions,
    /// which have none there, take the ReLU's.
    pub(crate) fn squared_gain(self) -> f64 {
        let slope = self.slope().unwrap_or(0.0);
        2.0 / (1.0 + slope * slope)
    }

    pub(crate) fn apply(self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Self::Relu => activation::relu(x),
            Self::LeakyRelu { slope } => activation::leaky_relu(x, slope),
            Self::Gelu => activation::gelu(x),
            Self::Silu => activation::silu(x),
        }
    }
}
