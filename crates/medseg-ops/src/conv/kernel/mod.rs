//! Direct convolutions on channel-first f32 arrays, for Burn's Flex backend.
//!
//! # Layout of the work
//! A 3×3×3 convolution copies a few planes of the input, padded with zeros, into a scratch that stays in the cache. Seen
//! as one flat array with the padded width as row stride, every tap of the kernel is a constant offset, so the inner loop
//! knows nothing of rows, borders or odd widths: it computes whole vectors of consecutive flat positions for a block of
//! output channels, and the few positions between the rows are thrown away when the rows are copied out. The gradient
//! of the weights is the same sum turned round, with zeros between the rows of the output's gradient. The gradient of the
//! input is a convolution with the flipped kernel.
//!
//! Every output value is computed by one task in a fixed order, so results do not depend on the number of threads.

mod forward;
mod lanes;
mod pack;
mod pointwise;
mod scratch;
mod shared;
#[cfg(test)]
mod tests;
mod weight_gradient;

pub(super) use forward::conv3;
pub(super) use pack::{flip, pack};
pub(super) use pointwise::{pointwise, pointwise_weight_gradient};
pub(super) use weight_gradient::conv3_weight_gradient;

pub(super) use lanes::best_path;

/// Output channels computed together.
pub(super) const BLOCK: usize = 4;

/// Sides of a batch of channel-first volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Volumes {
    pub batch: usize,
    pub channels: usize,
    pub sides: [usize; 3],
}

impl Volumes {
    /// Voxels of one channel.
    pub fn voxels(&self) -> usize {
        self.sides.iter().product()
    }

    /// Values of all.
    pub fn len(&self) -> usize {
        self.batch * self.channels * self.voxels()
    }
}
