//! im2col for channels-last volumes: the receptive field of each output voxel as one matrix row.

use burn::backend::cubecl::dtype_to_storage_type;
use burn_cubecl::ops::reshape;
use cubecl::prelude::*;
use cubecl::std::FastDivmod;

use super::{CubeTensor, into_contiguous};
use crate::cube::{Units, empty, line, place, places};

/// Kernel, stride and padding of the windows, each along depth, height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Windows {
    pub(super) kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) padding: [usize; 3],
}

impl Windows {
    /// A voxel each.
    pub(super) const VOXELS: Self = Self { kernel: [1; 3], stride: [1; 3], padding: [0; 3] };
}

/// A matrix of `rows` rows, one for every place of `grid` in every sample of the channels-last x, then rows of zeros: in
/// each the channels of the window's voxels, one voxel after the other; zeros for those outside x.
pub(super) fn im2col(x: CubeTensor, windows: Windows, grid: [usize; 3], rows: usize) -> CubeTensor {
    let [batch, shape @ .., channels] = x.meta.shape().dims::<5>();
    if windows == Windows::VOXELS && grid == shape && rows == batch * grid.iter().product::<usize>() {
        return rows_of(x);
    }
    let taps: usize = windows.kernel.iter().product();
    let out = empty(&x, [rows, taps * channels], x.dtype);
    let line = line(&[&x, &out], 0);
    let units = out.meta.num_elements() / line;
    let Units { count, dim, address } = Units::new(units, &[&x, &out]);
    let mut places = places(grid, taps * channels / line);
    places.push(channels / line);
    let dtype = dtype_to_storage_type(x.dtype);
    // SAFETY: every unit below `units` reads voxels inside `x` and writes its own line of `out`, of which there are as
    // many as units.
    unsafe {
        gathered::launch_unchecked(
            &out.client,
            count,
            dim,
            address,
            line,
            x.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            places,
            units,
            windows,
            dtype,
        );
    }
    out
}

/// `places` are those of the grid, with a last divisor for the lines of a voxel's channels.
#[cube(launch_unchecked, address_type = "dynamic")]
fn gathered<E: Float, N: Size>(
    x: &Tensor<Vector<E, N>>,
    out: &mut Tensor<Vector<E, N>>,
    places: Sequence<FastDivmod<usize>>,
    units: usize,
    #[comptime] windows: Windows,
    #[define(E)] _dtype: ElemType,
) {
    if ABSOLUTE_POS >= units {
        terminate!();
    }
    let at = place(ABSOLUTE_POS, &places);
    let (tap, line) = places[4].div_mod(at.group);
    let (kernel, stride, padding) = comptime![(windows.kernel, windows.stride, windows.padding)];
    // In the padded tensor.
    let z = at.z * stride[0] + tap / (kernel[1] * kernel[2]);
    let y = at.y * stride[1] + tap / kernel[2] % kernel[1];
    let w = at.x * stride[2] + tap % kernel[2];
    let inside = at.batch < x.shape(0)
        && z >= padding[0]
        && z < x.shape(1) + padding[0]
        && y >= padding[1]
        && y < x.shape(2) + padding[1]
        && w >= padding[2]
        && w < x.shape(3) + padding[2];
    let mut value = Vector::<E, N>::zero();
    if inside {
        let voxel = at.batch * x.stride(0)
            + (z - padding[0]) * x.stride(1)
            + (y - padding[1]) * x.stride(2)
            + (w - padding[2]) * x.stride(3);
        value = x[(voxel + line * x.vector_size() * x.stride(4)) / x.vector_size()];
    }
    out[ABSOLUTE_POS] = value;
}

/// The voxels of a channels-last tensor as rows of a matrix, without a copy if they lie so.
pub(in super::super) fn rows_of(x: CubeTensor) -> CubeTensor {
    let [batch, d, h, w, channels] = x.meta.shape().dims();
    reshape(into_contiguous(x), [batch * d * h * w, channels].into())
}
