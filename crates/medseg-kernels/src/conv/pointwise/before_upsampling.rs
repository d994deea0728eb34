//! 1×1×1 convolutions of channels that are upsampled on the way in.
//!
//! A product a voxel and a weighted sum of neighbouring voxels change places without changing the result, but for rounding. So
//! the upsampled channels are multiplied while they have an eighth of the voxels, and the products are upsampled: products of
//! eight voxels become one, and where the convolution lowers the number of channels fewer are upsampled.

use std::ops::Range;

use super::forward::{pointwise, pointwise_weights};
use super::weight_grad::pointwise_weight_grad;
use crate::conv::sink::Sink;
use crate::conv::source::{Part, Read, Source};
use crate::conv::winograd::Pass;
use crate::isa::Isa;
use crate::memory::Buffer;
use crate::upsample::upsample_trilinear2x_grad;

/// True if a convolution to `out_channels` multiplies so many upsampled channels before they are upsampled: no more channels
/// are upsampled then.
pub(crate) fn pays(out_channels: usize, upsampled: usize) -> bool {
    out_channels <= upsampled
}

/// Channels of a convolution's input: those that are read as they are, then those that are upsampled.
struct Split<'a> {
    plain: Source<'a>,
    /// As they are stored.
    small: Source<'a>,
    align_corners: bool,
}

impl<'a> Split<'a> {
    /// None where the upsampled channels are not the last part or all there is, or where it does not [`pay`](pays).
    fn of(x: &Source<'a>, out_channels: usize) -> Option<Self> {
        let (plain, small, align_corners) = x.split_upsampled()?;
        pays(out_channels, small.channels()).then_some(Self { plain, small, align_corners })
    }
}

/// Columns of so many plain channels in weights `[out_channels, in_channels]`, and those of the upsampled ones.
fn columns(weights: &[f32], [plain, small]: [usize; 2]) -> [Vec<f32>; 2] {
    let of = |channels: Range<usize>| {
        weights.chunks_exact(plain + small).flat_map(|row| &row[channels.clone()]).copied().collect()
    };
    [of(0..plain), of(plain..plain + small)]
}

/// Convolves with weights `[out_channels, in_channels]`; writes all of `out`.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn forward(isa: Isa, x: &Source<'_>, weights: &[f32], out: &Sink<'_>) {
    let out_channels = out.channels();
    let packed =
        |weights: &[f32], x: &Source<'_>| pointwise_weights(weights, out_channels, x.channels(), Pass::Forward);
    let Some(split) = Split::of(x, out_channels) else {
        return pointwise(isa, x, &packed(weights, x), None, out);
    };
    let Split { plain, small, align_corners } = &split;
    let [of_plain, of_small] = columns(weights, [plain.channels(), small.channels()]);
    let voxels = small.shape().iter().product();
    let mut products = Buffer::new(x.batch() * out_channels * voxels);
    let sink = Sink::new(&mut products, x.batch(), out_channels, voxels);
    pointwise(isa, small, &packed(&of_small, small), None, &sink);
    drop(sink);
    let read = Read::Upsampled { align_corners: *align_corners };
    let products = Part { values: &products, channels: out_channels, read };
    let products = Source::from_parts(x.batch(), x.shape(), &[products]);
    pointwise(isa, plain, &packed(&of_plain, plain), Some(&products), out);
}

/// Gradient of the weights `[out_channels, in_channels]`, as [`pointwise_weight_grad`] has it.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn weight_grad(isa: Isa, x: &Source<'_>, grad: &[f32], out_channels: usize) -> Vec<f32> {
    let Some(split) = Split::of(x, out_channels) else {
        return pointwise_weight_grad(isa, x, grad, out_channels);
    };
    let Split { plain, small, align_corners } = &split;
    let of_plain = pointwise_weight_grad(isa, plain, grad, out_channels);
    let mut gathered = Buffer::new(grad.len() / 8);
    upsample_trilinear2x_grad(grad, small.shape(), *align_corners, &mut gathered);
    let of_small = pointwise_weight_grad(isa, small, &gathered, out_channels);
    let rows = of_plain.chunks_exact(plain.channels()).zip(of_small.chunks_exact(small.channels()));
    rows.flat_map(|(plain, small)| plain.iter().chain(small)).copied().collect()
}

/// Writes the gradients of the plain channels and of the upsampled ones as they are stored, in `shape`; `grad`
/// `[batch, out_channels, 2 · shape]` is that of the output.
///
/// # Panics
/// If the lengths do not agree.
pub(crate) fn input_grads(
    isa: Isa,
    grad: &[f32],
    weights: &[f32],
    out_channels: usize,
    (shape, align_corners): ([usize; 3], bool),
    [plain, small]: [&mut [f32]; 2],
) {
    let voxels: usize = shape.iter().product();
    let batch = grad.len() / (out_channels * 8 * voxels);
    let channels = [plain.len() / (batch * 8 * voxels), small.len() / (batch * voxels)];
    assert_eq!(weights.len(), out_channels * channels.iter().sum::<usize>(), "weights");
    let [of_plain, of_small] = columns(weights, channels);
    let packed = |weights: &[f32], channels| pointwise_weights(weights, out_channels, channels, Pass::InputGrad);
    let (of_plain, of_small) = (packed(&of_plain, channels[0]), packed(&of_small, channels[1]));
    let mut gathered = Buffer::new(out_channels * voxels);
    // One sample after the other, so that the gathered gradient is that of one.
    let samples = grad.chunks_exact(out_channels * 8 * voxels);
    let inputs = plain.chunks_exact_mut(channels[0] * 8 * voxels).zip(small.chunks_exact_mut(channels[1] * voxels));
    for (grad, (plain, small)) in samples.zip(inputs) {
        let large = Source::new(grad, 1, out_channels, shape.map(|length| 2 * length));
        pointwise(isa, &large, &of_plain, None, &Sink::new(plain, 1, channels[0], 8 * voxels));
        upsample_trilinear2x_grad(grad, shape, align_corners, &mut gathered);
        let gathered = Source::new(&gathered, 1, out_channels, shape);
        pointwise(isa, &gathered, &of_small, None, &Sink::new(small, 1, channels[1], voxels));
    }
}
