//! Weights as the convolutions read them: channels-last, dense, in the type of the products.
//!
//! One kernel makes both orders, and they are saved while the weights live: a training step arranges its weights once for both
//! passes, and a network that predicts does it once for all windows. Those of dropped weights go when others are arranged, or
//! with [`release_memory`](crate::release_memory).

use std::sync::{Mutex, MutexGuard};

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

/// Weights that are saved at most. More are those of dozens of networks.
const SAVED: usize = 4096;

/// Weights `[out, in, kernel]` in f32, of any layout, as `[out, kernel, in]`, or `[in, kernel, out]` if transposed, in type
/// `dtype`. Without a copy if they lie so.
pub(super) fn arranged(weight: CubeTensor, order: Order, dtype: DType) -> CubeTensor {
    let [_, _, kernel @ ..] = weight.meta.shape().dims::<5>();
    if order == Order::Forward && dtype == weight.dtype && kernel == [1; 3] {
        return with_dense_channels(channels_last(weight));
    }
    let mut saved = saved();
    if let Some(arranged) = saved.iter().find(|arranged| arranged.is_of(&weight, dtype)) {
        return arranged.get(order);
    }
    drop_unused(&mut saved);
    if saved.len() >= SAVED {
        saved.clear();
    }
    let arranged = Arranged::new(weight, dtype);
    let of_order = arranged.get(order);
    saved.push(arranged);
    of_order
}

/// Drops what was made of weights that nobody else has any more.
pub(crate) fn release_arranged() {
    drop_unused(&mut saved());
}

fn saved() -> MutexGuard<'static, Vec<Arranged>> {
    static ARRANGED: Mutex<Vec<Arranged>> = Mutex::new(Vec::new());
    ARRANGED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn drop_unused(saved: &mut Vec<Arranged>) {
    saved.retain(|arranged| !arranged.weight.handle.can_mut());
}

/// Weights in both orders. Since it holds them too, nobody changes them where they lie.
struct Arranged {
    weight: CubeTensor,
    forward: CubeTensor,
    transposed: CubeTensor,
}

impl Arranged {
    fn new(weight: CubeTensor, dtype: DType) -> Self {
        let [output, input, d, h, w] = weight.meta.shape().dims();
        let forward = empty(&weight, [output, d, h, w, input], dtype);
        let transposed = empty(&weight, [input, d, h, w, output], dtype);
        let units = forward.meta.num_elements();
        let Units { count, dim, address } = Units::new(units, &[&weight, &forward]);
        // SAFETY: every unit below `units` reads a value inside `weight`, whose shape the divisors are, and writes its own
        // value of `forward` and of `transposed`.
        unsafe {
            arrange::launch_unchecked(
                &forward.client,
                count,
                dim,
                address,
                weight.clone().into_tensor_arg(),
                forward.clone().into_tensor_arg(),
                transposed.clone().into_tensor_arg(),
                [d, h, w, input].into_iter().collect(),
                units,
                dtype_to_storage_type(dtype),
            );
        }
        Self { weight, forward, transposed }
    }

    /// True if it is made of this very memory, seen in the same way.
    fn is_of(&self, weight: &CubeTensor, dtype: DType) -> bool {
        let (own, other) = (&self.weight.handle, &weight.handle);
        own.memory.descriptor() == other.memory.descriptor()
            && (own.offset_start, own.offset_end) == (other.offset_start, other.offset_end)
            && self.weight.meta == weight.meta
            && self.forward.dtype == dtype
    }

    fn get(&self, order: Order) -> CubeTensor {
        match order {
            Order::Forward => self.forward.clone(),
            Order::Transposed => self.transposed.clone(),
        }
    }
}

/// `shape` are the numbers of taps along each axis and of input channels.
#[cube(launch_unchecked, address_type = "dynamic")]
fn arrange<E: Float>(
    weight: &Tensor<f32>,
    forward: &mut Tensor<E>,
    transposed: &mut Tensor<E>,
    shape: Sequence<FastDivmod<usize>>,
    units: usize,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let (rest, input) = shape[3].div_mod(ABSOLUTE_POS);
    let (rest, x) = shape[2].div_mod(rest);
    let (rest, y) = shape[1].div_mod(rest);
    let (output, z) = shape[0].div_mod(rest);
    let at = output * weight.stride(0)
        + input * weight.stride(1)
        + z * weight.stride(2)
        + y * weight.stride(3)
        + x * weight.stride(4);
    let value = E::cast_from(weight[at]);
    forward[ABSOLUTE_POS] = value;
    let reversed = input * transposed.stride(0)
        + (weight.shape(2) - 1 - z) * transposed.stride(1)
        + (weight.shape(3) - 1 - y) * transposed.stride(2)
        + (weight.shape(4) - 1 - x) * transposed.stride(3)
        + output;
    transposed[reversed] = value;
}
