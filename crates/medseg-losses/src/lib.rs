#![doc = include_str!("../README.md")]

mod classes;
mod cross_entropy;
#[cfg(feature = "cube")]
mod cube;
mod deep_supervision;
mod dice;
mod dice_cross_entropy;
mod dice_focal;
mod error;
mod focal;
mod generalized_dice;
mod options;
mod orthogonality;
mod setters;
mod target;
mod tversky;
mod weights;

pub use cross_entropy::{CrossEntropyLoss, CrossEntropyLossConfig};
pub use deep_supervision::{DeepSupervision, LevelWeights};
pub use dice::{DiceLoss, DiceLossConfig};
pub use dice_cross_entropy::{DiceCrossEntropyLoss, DiceCrossEntropyLossConfig};
pub use dice_focal::{DiceFocalLoss, DiceFocalLossConfig};
pub use error::LossError;
pub use focal::{FocalLoss, FocalLossConfig};
pub use generalized_dice::{ClassWeighting, GeneralizedDiceLoss, GeneralizedDiceLossConfig};
pub use options::{LossActivation, Reduction};
pub use orthogonality::{module_orthogonality_penalty, orthogonality_penalty};
pub use tversky::{TverskyLoss, TverskyLossConfig};
