//! Sums of squares of many tensors in one launch, added up in an order that depends on the number of elements alone.

use std::ops::Range;

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Units of a cube.
const UNITS: u32 = 256;
/// Elements that a unit adds up before more cubes are taken.
const ELEMENTS_OF_UNIT: usize = 16;
/// Cubes of a tensor at most: their sums are added up by every unit that needs the total.
const CUBES: usize = 64;
/// Elements that a unit changes, but of the largest tensors.
const CHANGED_BY_UNIT: usize = 4;
/// Cubes that change a tensor at most. Those of all tensors of a launch fit along one axis of any runtime, 65,535.
const CHANGING_CUBES: usize = 2048;
/// Tensors of a launch at most. A kernel has code for each.
const TENSORS: usize = 32;

/// Units of a cube on this device.
pub(super) fn units(x: &CubeTensor) -> u32 {
    UNITS.min(x.client.properties().hardware.max_units_per_cube)
}

/// Tensors whose `each` buffers a kernel can take beside `others`, at least one and at most `most`.
pub(super) fn tensors_of_launch(x: &CubeTensor, each: usize, others: usize, most: usize) -> usize {
    let buffers = x.client.properties().hardware.max_bindings as usize;
    (buffers.saturating_sub(others) / each).clamp(1, most)
}

/// Cubes that go through all elements of a tensor and change each.
pub(super) fn cubes(elements: usize, units: u32) -> usize {
    elements.div_ceil(units as usize * CHANGED_BY_UNIT).clamp(1, CHANGING_CUBES)
}

/// A new contiguous tensor of f32 beside another.
pub(super) fn empty(beside: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(beside.client.clone(), beside.device.clone(), shape, DType::F32)
}

/// Sums of squares of parts of tensors.
pub(super) struct Parts {
    /// Of all tensors, one after the other.
    pub(super) sums: CubeTensor,
    /// Those of each tensor.
    pub(super) ranges: Vec<Range<usize>>,
}

impl Parts {
    /// Of some contiguous tensors on one device.
    pub(super) fn of(tensors: &[CubeTensor]) -> Self {
        let any = &tensors[0];
        let units = units(any);
        let mut ranges = Vec::with_capacity(tensors.len());
        for x in tensors {
            let start = ranges.last().map_or(0, |range: &Range<usize>| range.end);
            let cubes = x.meta.num_elements().div_ceil(units as usize * ELEMENTS_OF_UNIT).clamp(1, CUBES);
            ranges.push(start..start + cubes);
        }
        let sums = empty(any, Shape::new([ranges.last().map_or(0, |range| range.end)]));
        let number = tensors_of_launch(any, 1, 2, TENSORS);
        for (tensors, ranges) in tensors.chunks(number).zip(ranges.chunks(number)) {
            let (first, end) = (ranges[0].start, ranges[ranges.len() - 1].end);
            let mut terms = SequenceArg::new();
            for (x, range) in tensors.iter().zip(ranges) {
                terms.push(TermLaunch::new(
                    x.clone().into_tensor_arg(),
                    x.meta.num_elements(),
                    range.start - first,
                    range.end - first,
                ));
            }
            // SAFETY: units read elements of a tensor below their number, and the first of each cube writes its own element
            // of `sums`.
            unsafe {
                squares_of_parts::launch_unchecked(
                    &any.client,
                    CubeCount::new_1d((end - first) as u32),
                    CubeDim::new_1d(units),
                    tensors.iter().map(CubeTensor::required_address_type).max().unwrap_or_default(),
                    terms,
                    sums.clone().into_tensor_arg(),
                    first,
                    units as usize,
                );
            }
        }
        Self { sums, ranges }
    }
}

/// The sum of the squares of all tensors and of `before`, shape `[1]`. All are on one device.
pub(super) fn sum_of_squares(tensors: Vec<CubeTensor>, before: CubeTensor) -> CubeTensor {
    if tensors.is_empty() {
        return before;
    }
    let tensors: Vec<_> = tensors.into_iter().map(into_contiguous).collect();
    let Parts { sums, .. } = Parts::of(&tensors);
    let out = empty(&sums, Shape::new([1]));
    let number = sums.meta.num_elements();
    let units = units(&out);
    // SAFETY: the units of the only cube read all of `sums`, and the first one the element of `before`, and writes that of
    // `out`.
    unsafe {
        added::launch_unchecked(
            &out.client,
            CubeCount::new_1d(1),
            CubeDim::new_1d(units),
            sums.into_tensor_arg(),
            before.into_tensor_arg(),
            out.clone().into_tensor_arg(),
            number,
            units as usize,
        );
    }
    out
}

/// A tensor, and the cubes that take its parts.
#[derive(CubeType, CubeLaunch)]
struct Term {
    x: OwnedTensor<f32>,
    elements: usize,
    first_cube: usize,
    end_cube: usize,
}

/// A cube adds up a part of one tensor. Its sum lies at its own number behind `first`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn squares_of_parts(terms: &Sequence<Term>, sums: &mut Tensor<f32>, first: usize, #[comptime] units: usize) {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let mut sum = 0.0f32;
    #[unroll]
    for number in 0..terms.len() {
        let term = terms.index(number);
        if CUBE_POS >= term.first_cube && CUBE_POS < term.end_cube {
            let start = (CUBE_POS - term.first_cube) * units + UNIT_POS as usize;
            for at in range_stepped(start, term.elements, (term.end_cube - term.first_cube) * units) {
                let value = term.x[at];
                sum += value * value;
            }
        }
    }
    let sum = sum_of_units(sum, &mut shared);
    if UNIT_POS == 0 {
        sums[first + CUBE_POS] = sum;
    }
}

/// The sum over the units of a cube, added pairwise in a fixed order, in the first unit. All units must call it, once.
#[cube]
fn sum_of_units(value: f32, shared: &mut Shared<[f32]>) -> f32 {
    shared[UNIT_POS as usize] = value;
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
    shared[0]
}

/// The sum of the parts from `first` on, before `end`.
#[cube]
pub(super) fn total(sums: &Tensor<f32>, first: usize, end: usize) -> f32 {
    let mut sum = 0.0f32;
    for part in first..end {
        sum += sums[part];
    }
    sum
}

#[cube(launch_unchecked)]
fn added(sums: &Tensor<f32>, before: &Tensor<f32>, out: &mut Tensor<f32>, number: usize, #[comptime] units: usize) {
    let mut shared = Shared::<[f32]>::new_slice(units);
    let mut sum = 0.0f32;
    for part in range_stepped(UNIT_POS as usize, number, units) {
        sum += sums[part];
    }
    let sum = sum_of_units(sum, &mut shared);
    if UNIT_POS == 0 {
        out[0] = before[0] + sum;
    }
}
