//! The 1×1×1 convolution: a small matrix times every voxel.

mod forward;
mod tile;
mod weight_gradient;

pub(in super::super) use forward::{pointwise, pointwise_weights};
pub(in super::super) use weight_gradient::pointwise_weight_gradient;
