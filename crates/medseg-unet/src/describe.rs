//! What a network costs, before it is run.

use crate::layout::Layout;
use crate::{UNetConfig, UNetError};

/// Parameters, arithmetic and memory of a network for one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkCost {
    /// Number of weights and biases.
    pub parameters: u64,
    /// Multiplications and additions of the convolutions in one forward pass of one image.
    pub flops: u64,
    /// Bytes of the f32 tensors a training step keeps for its backward pass, one image: what enters and leaves every
    /// convolution, pooled, upsampled and joined maps.
    pub activation_bytes: u64,
}

/// The cost of one image of `[depth, height, width]` voxels; sides are counted as padded.
///
/// # Errors
/// As [`UNetConfig::validate`].
///
/// ```
/// use medseg_unet::{UNetConfig, describe};
/// let cost = describe(&UNetConfig::default(), [128; 3])?;
/// assert_eq!(cost.parameters, 5_991_376);
/// # Ok::<(), medseg_unet::UNetError>(())
/// ```
pub fn describe(config: &UNetConfig, input: [usize; 3]) -> Result<NetworkCost, UNetError> {
    config.validate()?;
    let multiple = config.side_multiple();
    let sides = input.map(|s| s.next_multiple_of(multiple) as u64);
    let voxels = |level: usize| sides.iter().map(|s| s >> level).product::<u64>();
    let layout = Layout::of(config);
    let parameters = layout.parameters().iter().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum();
    let flops = layout
        .convs()
        .map(|c| {
            // Every output voxel of the transposed convolution sees one tap of the kernel for each input channel.
            let taps = if c.transposed { 1 } else { c.kernel.pow(3) as u64 };
            2 * taps * (c.input * c.output) as u64 * voxels(c.level)
        })
        .sum();
    let stages = layout.encoder.iter().chain(&layout.decoder);
    // A stage keeps its input and, for each convolution, the result before and after the norm.
    let kept: u64 = stages
        .map(|s| (s.input as u64 + s.convs.iter().map(|c| 2 * c.output as u64).sum::<u64>()) * voxels(s.level))
        .sum();
    let logits = config.out_channels as u64 * voxels(0);
    Ok(NetworkCost { parameters, flops, activation_bytes: 4 * (kept + logits) })
}
