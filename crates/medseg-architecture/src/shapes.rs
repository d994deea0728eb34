//! Channels and grids behind a layer.

use crate::{ArchitectureError, Graph, Layer};

/// Longest axis of a kernel.
const LONGEST_KERNEL: usize = 63;

/// Channels of a tensor, and the voxels of the image for one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub channels: usize,
    pub divisor: [usize; 3],
}

/// The output of a layer, whose numbers are checked.
pub(crate) fn after(layer: &Layer, name: &str, input: Flow) -> Result<Flow, ArchitectureError> {
    let fail = |reason: String| Err(ArchitectureError::layer(name, reason));
    let Flow { channels, divisor } = input;
    match layer {
        Layer::Conv { channels, kernel, stride, padding, .. } => {
            let padding = padding.unwrap_or_default();
            let divisor = shrunk(name, divisor, *kernel, *stride, padding)?;
            Ok(Flow { channels: channels.unwrap_or_default(), divisor })
        }
        Layer::TransposedConv { channels, kernel, stride, padding, output_padding, .. } => {
            if kernel.iter().chain(stride).any(|n| !(1..=LONGEST_KERNEL).contains(n)) {
                return fail(format!("a kernel of {kernel:?} with the stride {stride:?}"));
            }
            let exact = |a: usize| kernel[a] + output_padding[a] == stride[a] + 2 * padding[a];
            let small = |a: usize| output_padding[a] < stride[a].max(2) && padding[a] < kernel[a];
            // Small first: sums of huge numbers overflow.
            if !(0..3).all(|a| small(a) && exact(a)) {
                return fail(format!(
                    "a kernel of {kernel:?}, the stride {stride:?}, the padding {padding:?} and the output padding \
                     {output_padding:?} do not enlarge by whole factors"
                ));
            }
            Ok(Flow { channels: channels.unwrap_or_default(), divisor: grown(name, divisor, *stride)? })
        }
        Layer::MaxPool { kernel, stride, padding } => {
            if *padding > kernel / 2 {
                return fail(format!("a padding of {padding} for windows of {kernel} voxels"));
            }
            let divisor = shrunk(name, divisor, [*kernel; 3], [*stride; 3], [*padding; 3])?;
            Ok(Flow { channels, divisor })
        }
        Layer::AveragePool { kernel } => {
            Ok(Flow { channels, divisor: shrunk(name, divisor, *kernel, *kernel, [0; 3])? })
        }
        Layer::Upsample { .. } | Layer::UpsampleToGrid { .. } => {
            Ok(Flow { channels, divisor: grown(name, divisor, [2; 3])? })
        }
        Layer::GroupNorm { groups, .. } if *groups == 0 || !channels.is_multiple_of(*groups) => {
            fail(format!("{channels} channels cannot be cut into {groups} groups"))
        }
        Layer::InstanceNorm { eps, .. } | Layer::GroupNorm { eps, .. } | Layer::BatchNorm { eps, .. }
            if !(*eps >= 0.0 && *eps < 1.0) =>
        {
            fail(format!("eps must lie in [0, 1), not {eps}"))
        }
        Layer::BatchNorm { momentum, .. } if !(*momentum > 0.0 && *momentum <= 1.0) => {
            fail(format!("the momentum must lie in (0, 1], not {momentum}"))
        }
        Layer::LeakyRelu { slope } if !(*slope >= 0.0 && *slope < 1.0) => {
            fail(format!("the slope must lie in [0, 1), not {slope}"))
        }
        Layer::Dropout { p, .. } if !(*p >= 0.0 && *p < 1.0) => fail(format!("p must lie in [0, 1), not {p}")),
        _ => Ok(input),
    }
}

/// The divisor behind windows that make a whole factor.
fn shrunk(
    name: &str,
    divisor: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
) -> Result<[usize; 3], ArchitectureError> {
    let numbers = kernel.iter().chain(&stride).all(|n| (1..=LONGEST_KERNEL).contains(n));
    let whole = |a: usize| kernel[a] > 2 * padding[a] && kernel[a] - 2 * padding[a] <= stride[a];
    if !numbers || padding.iter().any(|p| *p > LONGEST_KERNEL) || !(0..3).all(whole) {
        let reason = format!(
            "a kernel of {kernel:?} with the stride {stride:?} and the padding {padding:?} does not divide sizes by the stride"
        );
        return Err(ArchitectureError::layer(name, reason));
    }
    let mut after = divisor;
    for (axis, stride) in after.iter_mut().zip(stride) {
        *axis = axis.saturating_mul(stride);
    }
    match after.iter().all(|axis| *axis <= 1 << 20) {
        true => Ok(after),
        false => Err(ArchitectureError::layer(name, "strides of more than 2^20 voxels")),
    }
}

/// The divisor behind an upsampling.
fn grown(name: &str, divisor: [usize; 3], factor: [usize; 3]) -> Result<[usize; 3], ArchitectureError> {
    if (0..3).any(|a| !divisor[a].is_multiple_of(factor[a])) {
        let reason = format!("one voxel stands for {divisor:?} of the image's, which {factor:?} does not divide");
        return Err(ArchitectureError::layer(name, reason));
    }
    Ok([0, 1, 2].map(|a| divisor[a] / factor[a]))
}

impl crate::Node {
    /// Size of its output for an image of `[depth, height, width]` voxels: the image's, divided and rounded up.
    #[must_use]
    pub fn grid(&self, image: [usize; 3]) -> [usize; 3] {
        [0, 1, 2].map(|axis| image[axis].div_ceil(self.divisor[axis]))
    }
}

impl Graph {
    /// Shape `[channels, depth, height, width]` of every node's output, for an image of `[depth, height, width]` voxels.
    ///
    /// # Errors
    /// A size of 0 voxels, of more than 2^20, or one that is no multiple of
    /// [`size_multiple`](Self::size_multiple).
    pub fn shapes(&self, image: [usize; 3]) -> Result<Vec<[usize; 4]>, ArchitectureError> {
        let fits = |a: usize| (1..=1 << 20).contains(&image[a]) && image[a].is_multiple_of(self.multiple[a]);
        if !(0..3).all(fits) {
            let reason = format!("{image:?} voxels are no multiples of {:?} up to 2^20", self.multiple);
            return Err(ArchitectureError::Input(reason));
        }
        let shape = |node: &crate::Node| {
            let [d, h, w] = node.grid(image);
            [node.channels, d, h, w]
        };
        Ok(self.nodes.iter().map(shape).collect())
    }
}
