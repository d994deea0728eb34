//! Averages moved towards weights, several tensors in a launch.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::queue;
use super::squares::{cubes, empty, tensors_of_launch, units};

/// Tensors of a launch at most. A kernel has code for each.
const TENSORS: usize = 16;
/// Buffers of a tensor: average, weight and the new average.
const BUFFERS: usize = 3;

/// A change of one average, not yet launched.
pub(super) struct Approach {
    average: CubeTensor,
    weight: CubeTensor,
    /// Without values.
    after: CubeTensor,
    share: f32,
}

/// `average + (weight - average) · share`. Within [`queue::approaches_together`] it has values once that returns.
pub(super) fn approached(average: CubeTensor, weight: CubeTensor, share: f32) -> CubeTensor {
    let [average, weight] = [average, weight].map(into_contiguous);
    let after = empty(&average, average.meta.shape().clone());
    queue::approach(Approach { average, weight, after: after.clone(), share });
    after
}

/// Launches changes, those of the same share and device together.
pub(super) fn launch(mut changes: Vec<Approach>) {
    while let Some(first) = changes.first() {
        let (share, device) = (first.share, first.average.device.clone());
        let number = tensors_of_launch(&first.average, BUFFERS, 1, TENSORS);
        let (alike, others) =
            changes.into_iter().partition::<Vec<_>, _>(|other| other.share == share && other.average.device == device);
        alike.chunks(number).for_each(|changes| launch_alike(share, changes));
        changes = others;
    }
}

fn launch_alike(share: f32, changes: &[Approach]) {
    let any = &changes[0].average;
    let units = units(any);
    let mut tensors = SequenceArg::new();
    let mut first = 0;
    for Approach { average, weight, after, .. } in changes {
        let elements = average.meta.num_elements();
        let end = first + cubes(elements, units);
        let [average, weight, after] = [average, weight, after].map(|x| x.clone().into_tensor_arg());
        tensors.push(ApproachTensorsLaunch::new(average, weight, after, elements, first, end));
        first = end;
    }
    // SAFETY: units read and write elements of a tensor below their number.
    unsafe {
        approach::launch_unchecked(
            &any.client,
            CubeCount::new_1d(first as u32),
            CubeDim::new_1d(units),
            changes.iter().map(|change| change.average.required_address_type()).max().unwrap_or_default(),
            tensors,
            share,
        );
    }
}

/// The tensors of a change, and the cubes that take them.
#[derive(CubeType, CubeLaunch)]
struct ApproachTensors {
    average: OwnedTensor<f32>,
    weight: OwnedTensor<f32>,
    after: OwnedTensor<f32>,
    elements: usize,
    first_cube: usize,
    end_cube: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn approach(tensors: &mut Sequence<ApproachTensors>, share: f32) {
    #[unroll]
    for number in 0..tensors.len() {
        let of = tensors.index_mut(number);
        if CUBE_POS >= of.first_cube && CUBE_POS < of.end_cube {
            let start = (CUBE_POS - of.first_cube) * CUBE_DIM_X as usize + UNIT_POS as usize;
            for at in range_stepped(start, of.elements, (of.end_cube - of.first_cube) * CUBE_DIM_X as usize) {
                let average = of.average[at];
                of.after[at] = average + (of.weight[at] - average) * share;
            }
        }
    }
}
