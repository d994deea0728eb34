//! Kernels with one unit for a few channels of a voxel: of the threads that run at once, neighbours read and write
//! neighbouring memory.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;
use cubecl::tensor_vector_size_parallel;

/// Channels that one unit reads or writes at once where memory allows it: 16 bytes of f32.
pub(crate) const LINE: usize = 4;

/// [`LINE`] if the channels of all these channels-last tensors can be read so many at a time, and `at`, the number of a
/// first channel, is a multiple of it; else 1.
pub(crate) fn line(tensors: &[&CubeTensor], at: usize) -> usize {
    let of = |x: &&CubeTensor| {
        let axis = x.meta.num_dims() - 1;
        tensor_vector_size_parallel([LINE, 1].into_iter(), x.meta.shape(), x.meta.strides(), axis)
    };
    let all = tensors.iter().map(of).min().unwrap_or(1);
    if at.is_multiple_of(all) { all } else { 1 }
}

/// The divisors by which [`place`] takes the number of a unit apart: depth, height, width and groups of channels.
pub(crate) fn places(shape: [usize; 3], groups: usize) -> SequenceArg<FastDivmod<usize>> {
    shape.into_iter().chain([groups]).collect()
}

/// A unit's piece of work.
#[derive(CubeType)]
pub(crate) struct Place {
    pub(crate) batch: usize,
    pub(crate) z: usize,
    pub(crate) y: usize,
    pub(crate) x: usize,
    /// Number of the voxel in depth, height, width order, over all of the batch.
    pub(crate) voxel: usize,
    /// Number of its group of channels.
    pub(crate) group: usize,
}

/// Position of unit number `unit`.
#[cube]
pub(crate) fn place(unit: usize, shape: &Sequence<FastDivmod<usize>>) -> Place {
    let (voxel, group) = shape[3].div_mod(unit);
    let (rest, x) = shape[2].div_mod(voxel);
    let (rest, y) = shape[1].div_mod(rest);
    let (batch, z) = shape[0].div_mod(rest);
    Place { batch, z, y, x, voxel, group }
}
