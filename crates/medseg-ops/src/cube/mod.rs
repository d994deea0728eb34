//! Common parts of the kernels for CubeCL, that is for GPUs.
//!
//! They read any layout through strides and write channels-last (`[batch, depth, height, width, channel]` in memory, seen
//! as `[batch, channel, depth, height, width]`), which Burn's convolutions want and make.

mod arrivals;
mod concat;
mod voxels;

use burn::tensor::{DType, Shape};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::ir::AddressType;
use cubecl::prelude::{CubeCount, CubeDim};

pub(crate) use arrivals::{Arrivals, is_last_cube};
pub(crate) use burn_cubecl::ops::{permute_nchw_to_nhwc as channels_last, permute_nhwc_to_nchw as channels_first};
pub(crate) use concat::{concat, split};
pub(crate) use voxels::{LINE, Place, line, place, places};

/// A new tensor beside another one, its memory in the order of `shape`, without values.
pub(crate) fn empty<const D: usize>(beside: &CubeTensor, shape: [usize; D], dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(beside.client.clone(), beside.device.clone(), Shape::new(shape), dtype)
}

/// Launch size of a kernel that has one unit for each piece of work.
pub(crate) struct Units {
    pub(crate) count: CubeCount,
    pub(crate) dim: CubeDim,
    /// Wide enough for every element of the tensors given to [`Units::new`].
    pub(crate) address: AddressType,
}

impl Units {
    /// For `units` pieces of work on these tensors.
    pub(crate) fn new(units: usize, tensors: &[&CubeTensor]) -> Self {
        let client = &tensors[0].client;
        let dim = CubeDim::new(client, units);
        let count = calculate_cube_count_elemwise(client, units, dim);
        let address = tensors.iter().map(|x| x.required_address_type()).max().unwrap_or_default();
        // Dividing by multiplication is exact for unit numbers below 2^31.
        let address = address.max(AddressType::from_len_signed(units));
        Self { count, dim, address }
    }
}
