//! Sums of squares, added up in an order that depends on the number of elements alone.

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Units of a cube.
const UNITS: u32 = 256;
/// Elements that a unit adds up before more cubes are taken.
const ELEMENTS_OF_UNIT: usize = 16;
/// Cubes at most: their sums are added up by every unit that needs the total.
const CUBES: usize = 64;

/// Units of a cube on this device.
pub(super) fn units(x: &CubeTensor) -> u32 {
    UNITS.min(x.client.properties().hardware.max_units_per_cube)
}

/// A new contiguous tensor of f32 beside another.
pub(super) fn empty(beside: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(beside.client.clone(), beside.device.clone(), shape, DType::F32)
}

/// The sums of squares of parts of a contiguous tensor.
pub(super) fn of_parts(x: &CubeTensor) -> CubeTensor {
    let (units, elements) = (units(x), x.meta.num_elements());
    let cubes = elements.div_ceil(units as usize * ELEMENTS_OF_UNIT).clamp(1, CUBES);
    let parts = empty(x, Shape::new([cubes]));
    // SAFETY: units read elements below the number of `x`, and the first of each cube writes its own element of `parts`.
    unsafe {
        squares_of_parts::launch_unchecked(
            &x.client,
            CubeCount::new_1d(cubes as u32),
            CubeDim::new_1d(units),
            x.required_address_type(),
            x.clone().into_tensor_arg(),
            parts.clone().into_tensor_arg(),
            elements,
            units as usize,
        );
    }
    parts
}

/// The sum of the squares of `x` and of `before`, shape `[1]`.
pub(super) fn sum_of_squares(x: CubeTensor, before: CubeTensor) -> CubeTensor {
    let parts = of_parts(&into_contiguous(x));
    let out = empty(&parts, Shape::new([1]));
    let cubes = parts.meta.num_elements();
    // SAFETY: one unit reads all of `parts` and the element of `before`, and writes that of `out`.
    unsafe {
        added::launch_unchecked(
            &out.client,
            CubeCount::new_1d(1),
            CubeDim::new_1d(1),
            parts.into_tensor_arg(),
            before.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            cubes,
        );
    }
    out
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn squares_of_parts(x: &Tensor<f32>, parts: &mut Tensor<f32>, elements: usize, #[comptime] units: usize) {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let mut sum = 0.0f32;
    for at in range_stepped(ABSOLUTE_POS, elements, CUBE_COUNT_X as usize * units) {
        let value = x[at];
        sum += value * value;
    }
    shared[UNIT_POS as usize] = sum;
    let mut left = CUBE_DIM_X;
    while left > 1 {
        let half = left.div_ceil(2);
        sync_cube();
        if UNIT_POS < left - half {
            let other = shared[(UNIT_POS + half) as usize];
            shared[UNIT_POS as usize] += other;
        }
        left = half;
    }
    if UNIT_POS == 0 {
        parts[CUBE_POS] = shared[0];
    }
}

/// The sum of all parts.
#[cube]
pub(super) fn total(parts: &Tensor<f32>, number: usize) -> f32 {
    let mut sum = 0.0f32;
    for part in 0..number {
        sum += parts[part];
    }
    sum
}

#[cube(launch_unchecked)]
fn added(parts: &Tensor<f32>, before: &Tensor<f32>, out: &mut Tensor<f32>, number: usize) {
    out[0] = before[0] + total(parts, number);
}
