//! Weights as the convolutions read them: channels-last, dense, in the type of the products; by one kernel.

use burn::backend::cubecl::dtype_to_storage_type;
use burn::tensor::DType;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

use super::forward::with_dense_channels;
use super::{CubeTensor, channels_last};
use crate::cube::{Units, empty};

/// Order of a kernel's taps and channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) enum Order {
    /// As in the forward pass.
    Forward,
    /// Every axis of the kernel reversed, input and output channels exchanged: as the gradient of the input needs them.
    Transposed,
}

/// Weights `[out, in, kernel]` in f32, of any layout, as `[out, kernel, in]`, or `[in, kernel, out]` if transposed, in type
/// `dtype`. Without a copy if they lie so.
pub(super) fn arranged(weight: CubeTensor, order: Order, dtype: DType) -> CubeTensor {
    let transposed = order == Order::Transposed;
    let [output, input, d, h, w] = weight.meta.shape().dims();
    if !transposed && dtype == weight.dtype && d * h * w == 1 {
        return with_dense_channels(channels_last(weight));
    }
    let [rows, columns] = if transposed { [input, output] } else { [output, input] };
    let out = empty(&weight, [rows, d, h, w, columns], dtype);
    let units = out.meta.num_elements();
    let Units { count, dim, address } = Units::new(units, &[&weight, &out]);
    // SAFETY: every unit below `units` reads a value inside `weight`, whose shape the divisors are, and writes its own
    // value of `out`.
    unsafe {
        arrange::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            weight.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            [d, h, w, columns].into_iter().collect(),
            units,
            transposed,
            dtype_to_storage_type(dtype),
        );
    }
    out
}

/// `shape` are the numbers of taps along each axis and of channels side by side.
#[cube(launch_unchecked, address_type = "dynamic")]
fn arrange<E: Float>(
    weight: &Tensor<f32>,
    out: &mut Tensor<E>,
    shape: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] transposed: bool,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let (rest, column) = shape[3].div_mod(ABSOLUTE_POS);
    let (rest, x) = shape[2].div_mod(rest);
    let (rest, y) = shape[1].div_mod(rest);
    let (row, z) = shape[0].div_mod(rest);
    let at = if comptime!(transposed) {
        column * weight.stride(0)
            + row * weight.stride(1)
            + (weight.shape(2) - 1 - z) * weight.stride(2)
            + (weight.shape(3) - 1 - y) * weight.stride(3)
            + (weight.shape(4) - 1 - x) * weight.stride(4)
    } else {
        row * weight.stride(0)
            + column * weight.stride(1)
            + z * weight.stride(2)
            + y * weight.stride(3)
            + x * weight.stride(4)
    };
    out[ABSOLUTE_POS] = E::cast_from(weight[at]);
}
