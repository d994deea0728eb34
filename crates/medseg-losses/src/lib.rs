//! Losses for 3D segmentation on [Burn](burn) tensors.
//!
//! ```
//! use burn::tensor::{Device, Distribution, Tensor};
//! use medseg_losses::DiceLossConfig;
//!
//! let device = Device::flex().autodiff();
//! let logits = Tensor::<5>::random([2, 1, 4, 4, 4], Distribution::Normal(0.0, 1.0), &device).require_grad();
//! let target = Tensor::<5>::ones([2, 1, 4, 4, 4], &device);
//!
//! let loss = DiceLossConfig::default().init()?.forward(logits.clone(), target);
//! let gradient = logits.grad(&loss.backward()).expect("the logits require a gradient");
//! // More foreground would lower the loss everywhere.
//! assert!(gradient.max().into_scalar::<f32>() < 0.0);
//! # Ok::<(), medseg_losses::LossError>(())
//! ```
//!
//! # What there is
//! - [`DiceLoss`]: soft Dice or Jaccard with all the options of MONAI's class of that name.
//! - [`DiceCrossEntropyLoss`]: Dice plus binary or categorical cross-entropy.
//!
//! # Conventions
//! - Tensors are `[batch, channel, depth, height, width]`; losses take logits and apply the [`Activation`] themselves.
//! - Loss and gradient are finite for any finite logits (in `f32`, as long as sums over a volume are), however large.
//! - A configuration is a plain struct that is checked when the loss is built; the loss itself can then only fail on
//!   shapes, which are programmer errors and panic.

mod classes;
mod cross_entropy;
mod deep_supervision;
mod dice;
mod dice_cross_entropy;
mod dice_focal;
mod error;
mod focal;
mod generalized_dice;
mod options;
mod orthogonality;
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
pub use options::{Activation, Reduction};
pub use orthogonality::{module_orthogonality_penalty, orthogonality_penalty};
pub use tversky::{TverskyLoss, TverskyLossConfig};
