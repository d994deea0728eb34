//! A step of NovoGrad in two launches for several tensors: the gradients' norms in parts, then everything else.

use std::ops::Range;

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::queue;
use super::squares::{Parts, cubes, empty, tensors_of_launch, total, units};

/// Tensors of a launch at most. A kernel has code for each.
const TENSORS: usize = 8;
/// Buffers of a tensor: those before the step and those after it.
const BUFFERS: usize = 9;

/// Settings of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NovoGradStep {
    pub(crate) lr: f64,
    pub(crate) beta_1: f64,
    pub(crate) beta_2: f64,
    pub(crate) epsilon: f64,
    /// Factor of all that enters the momentum.
    pub(crate) share: f64,
    pub(crate) weight_decay: f64,
    pub(crate) amsgrad: bool,
    /// True if there is no state yet.
    pub(crate) first: bool,
}

/// A step of one tensor, not yet launched.
pub(super) struct TensorStep {
    step: NovoGradStep,
    grad: CubeTensor,
    /// Parameter, momentum, running squared norm and the largest one.
    before: [CubeTensor; 4],
    /// The same after the step, without values.
    after: [CubeTensor; 4],
}

/// Parameter, momentum, running squared norm and the largest one after a step, given those before it. Within
/// [`queue::steps_together`] they have values once that returns.
pub(super) fn step(before: [CubeTensor; 4], grad: CubeTensor, step: NovoGradStep) -> [CubeTensor; 4] {
    let [tensor, momentum, norm, largest] = before;
    let [tensor, momentum, grad] = [tensor, momentum, grad].map(into_contiguous);
    let before = [tensor, momentum, norm, largest];
    let after = before.each_ref().map(|x| empty(x, x.meta.shape().clone()));
    queue::step(TensorStep { step, grad, before, after: after.clone() });
    after
}

/// Launches steps, those of the same settings and device together.
pub(super) fn launch(mut steps: Vec<TensorStep>) {
    while let Some(first) = steps.first() {
        let (step, device) = (first.step, first.grad.device.clone());
        let number = tensors_of_launch(&first.grad, BUFFERS, 2, TENSORS);
        let (alike, others) =
            steps.into_iter().partition::<Vec<_>, _>(|other| other.step == step && other.grad.device == device);
        let grads: Vec<_> = alike.iter().map(|step| step.grad.clone()).collect();
        let parts = Parts::of(&grads);
        for (steps, ranges) in alike.chunks(number).zip(parts.ranges.chunks(number)) {
            launch_alike(step, steps, &parts.sums, ranges);
        }
        steps = others;
    }
}

/// Launches steps of one device and of the same settings; `ranges` are those of their gradients' sums of squares.
fn launch_alike(step: NovoGradStep, steps: &[TensorStep], sums: &CubeTensor, ranges: &[Range<usize>]) {
    let units = units(sums);
    let mut tensors = SequenceArg::new();
    let mut first = 0;
    for (TensorStep { grad, before, after, .. }, range) in steps.iter().zip(ranges) {
        let elements = grad.meta.num_elements();
        let end = first + cubes(elements, units);
        let [tensor, momentum, norm, largest] = before.each_ref().map(|x| x.clone().into_tensor_arg());
        let [new_tensor, new_momentum, new_norm, new_largest] = after.each_ref().map(|x| x.clone().into_tensor_arg());
        let grad = grad.clone().into_tensor_arg();
        tensors.push(StepTensorsLaunch::new(
            tensor,
            grad,
            momentum,
            norm,
            largest,
            new_tensor,
            new_momentum,
            new_norm,
            new_largest,
            elements,
            first,
            end,
            range.start,
            range.end,
        ));
        first = end;
    }
    // SAFETY: units read and write elements of a tensor below their number, and the first one of a tensor the only element of
    // its norms; all units read the sums of their tensor.
    unsafe {
        update::launch_unchecked(
            &sums.client,
            CubeCount::new_1d(first as u32),
            CubeDim::new_1d(units),
            steps.iter().map(|step| step.grad.required_address_type()).max().unwrap_or_default(),
            tensors,
            sums.clone().into_tensor_arg(),
            NumbersLaunch::new(
                step.lr as f32,
                step.beta_1 as f32,
                step.beta_2 as f32,
                (1.0 - step.beta_2) as f32,
                step.epsilon as f32,
                step.share as f32,
                (step.share * step.weight_decay) as f32,
            ),
            step.first,
            step.amsgrad,
        );
    }
}

/// Numbers of a step.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Numbers {
    lr: f32,
    beta_1: f32,
    beta_2: f32,
    /// 1 - `beta_2`, rounded once.
    rest_2: f32,
    epsilon: f32,
    share: f32,
    decay: f32,
}

/// The tensors of a step, the cubes that take them, and the parts of the gradient's sum of squares.
#[derive(CubeType, CubeLaunch)]
struct StepTensors {
    tensor: OwnedTensor<f32>,
    grad: OwnedTensor<f32>,
    momentum: OwnedTensor<f32>,
    norm: OwnedTensor<f32>,
    largest: OwnedTensor<f32>,
    new_tensor: OwnedTensor<f32>,
    new_momentum: OwnedTensor<f32>,
    new_norm: OwnedTensor<f32>,
    new_largest: OwnedTensor<f32>,
    elements: usize,
    first_cube: usize,
    end_cube: usize,
    first_part: usize,
    end_part: usize,
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn update(
    tensors: &mut Sequence<StepTensors>,
    sums: &Tensor<f32>,
    numbers: Numbers,
    #[comptime] first: bool,
    #[comptime] amsgrad: bool,
) {
    #[unroll]
    for number in 0..tensors.len() {
        let of = tensors.index_mut(number);
        if CUBE_POS >= of.first_cube && CUBE_POS < of.end_cube {
            update_tensor(of, sums, &numbers, first, amsgrad);
        }
    }
}

#[cube]
fn update_tensor(
    of: &mut StepTensors,
    sums: &Tensor<f32>,
    numbers: &Numbers,
    #[comptime] first: bool,
    #[comptime] amsgrad: bool,
) {
    let current = total(sums, of.first_part, of.end_part);
    let mut running = current;
    let mut highest = current;
    if comptime!(!first) {
        let previous = of.norm[0];
        if previous != 0.0 {
            running = previous * numbers.beta_2 + current * numbers.rest_2;
        }
        highest = running;
        if comptime!(amsgrad) {
            highest = max(of.largest[0], running);
        }
    }
    let divisor = if comptime!(amsgrad) { highest.sqrt() } else { running.sqrt() };
    let factor = numbers.share / (divisor + numbers.epsilon);
    let start = (CUBE_POS - of.first_cube) * CUBE_DIM_X as usize + UNIT_POS as usize;
    for at in range_stepped(start, of.elements, (of.end_cube - of.first_cube) * CUBE_DIM_X as usize) {
        let value = of.tensor[at];
        let mut moved = of.grad[at] * factor + value * numbers.decay;
        if comptime!(!first) {
            moved += of.momentum[at] * numbers.beta_1;
        }
        of.new_momentum[at] = moved;
        of.new_tensor[at] = value - moved * numbers.lr;
        if at == 0 {
            of.new_norm[0] = running;
            of.new_largest[0] = highest;
        }
    }
}
