//! The 1×1×1 convolution: a small matrix times every voxel.

pub(crate) mod before_upsampling;
mod forward;
mod tile;
mod weight_grad;

pub(crate) use forward::{pointwise, pointwise_weights};
#[cfg(test)]
pub(crate) use weight_grad::pointwise_weight_grad;
