//! A skip connection and what comes from below, concatenated along the channels; channels-last.

use super::{Units, channels_first, channels_last, empty, line, place, places};
use crate::upsample::cube::{upsample_grad, upsample_into};
use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

/// `cat([skip, below], channels)`, `below` first upsampled by `upsample_trilinear2x` with these aligned corners, if any.
///
/// Every value is written once, to its place: the upsampled tensor is not made.
pub(crate) fn concat(skip: CubeTensor, below: CubeTensor, upsampled: Option<bool>) -> CubeTensor {
    let (skip, below) = (channels_last(skip), channels_last(below));
    let [batch, depth, height, width, channels] = skip.meta.shape().dims();
    let [.., more] = below.meta.shape().dims::<5>();
    let out = empty(&skip, [batch, depth, height, width, channels + more], skip.dtype);
    copy(skip, 0, &out, 0, channels);
    match upsampled {
        None => copy(below, 0, &out, channels, more),
        Some(align_corners) => upsample_into(below, &out, channels, align_corners),
    }
    channels_first(out)
}

/// The gradients of the two inputs of [`concat`], the first of `channels` channels, given the gradient of its output.
///
/// The first is a view of `grad`.
pub(crate) fn split(grad: CubeTensor, channels: usize, upsampled: Option<bool>) -> (CubeTensor, CubeTensor) {
    let grad = channels_last(grad);
    let [batch, depth, height, width, all] = grad.meta.shape().dims();
    let more = all - channels;
    let below = match upsampled {
        None => {
            let below = empty(&grad, [batch, depth, height, width, more], grad.dtype);
            copy(grad.clone(), channels, &below, 0, more);
            below
        }
        Some(align_corners) => upsample_grad(grad.clone(), channels, more, align_corners),
    };
    let mut skip = grad;
    skip.meta.shape[4] = channels;
    (channels_first(skip), channels_first(below))
}

/// Copies `channels` channels of `x` from `from` on to those of `out` from `to` on; both channels-last and of the same
/// shape.
fn copy(x: CubeTensor, from: usize, out: &CubeTensor, to: usize, channels: usize) {
    let [batch, depth, height, width, _] = x.meta.shape().dims::<5>();
    let line = [from, to, channels].map(|number| line(&[&x, out], number)).into_iter().min().unwrap_or(1);
    let units = batch * depth * height * width * (channels / line);
    let Units { count, dim, address } = Units::new(units, &[&x, out]);
    let dtype = dtype_to_storage_type(x.dtype);
    // SAFETY: every unit below `units` reads a line inside `x` and writes its own one inside `out`: `from + channels` and
    // `to + channels` are at most their channels.
    unsafe {
        copied::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            line,
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            places([depth, height, width], channels / line),
            from,
            to,
            units,
            dtype,
        );
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn copied<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    shape: Sequence<FastDivmod<usize>>,
    from: usize,
    to: usize,
    units: usize,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &shape);
    let line = x.vector_size();
    let channel = at.group * line;
    let read = at.batch * x.stride(0) + at.z * x.stride(1) + at.y * x.stride(2) + at.x * x.stride(3);
    let read = (read + (from + channel) * x.stride(4)) / line;
    let written = at.batch * out.stride(0) + at.z * out.stride(1) + at.y * out.stride(2) + at.x * out.stride(3);
    let written = (written + (to + channel) * out.stride(4)) / line;
    out[written] = x[read];
}
