//! A step of NovoGrad in two launches: the gradient's norm in parts, then everything else.

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::prelude::*;

use super::squares::{empty, of_parts, total, units};

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

/// Parameter, momentum, running squared norm and the largest one after a step, given those before it.
pub(super) fn step(
    [tensor, momentum, norm, largest]: [CubeTensor; 4],
    grad: CubeTensor,
    step: NovoGradStep,
) -> [CubeTensor; 4] {
    let [tensor, momentum, grad] = [tensor, momentum, grad].map(into_contiguous);
    let parts = of_parts(&grad);
    let like = |x: &CubeTensor| empty(x, x.meta.shape().clone());
    let out = [like(&tensor), like(&tensor), like(&norm), like(&norm)];
    let [new_tensor, new_momentum, new_norm, new_largest] = out.clone();
    let elements = tensor.meta.num_elements();
    let dim = CubeDim::new_1d(units(&tensor));
    let number = parts.meta.num_elements();
    // SAFETY: units below `elements` read and write their own element of tensors of that many, and the first one the only
    // element of the norms; all units read all of `parts`.
    unsafe {
        update::launch_unchecked(
            &tensor.client,
            calculate_cube_count_elemwise(&tensor.client, elements, dim),
            dim,
            tensor.required_address_type(),
            tensor.clone().into_tensor_arg(),
            grad.into_tensor_arg(),
            momentum.into_tensor_arg(),
            norm.into_tensor_arg(),
            largest.into_tensor_arg(),
            parts.into_tensor_arg(),
            new_tensor.into_tensor_arg(),
            new_momentum.into_tensor_arg(),
            new_norm.into_tensor_arg(),
            new_largest.into_tensor_arg(),
            NumbersLaunch::new(
                step.lr as f32,
                step.beta_1 as f32,
                step.beta_2 as f32,
                (1.0 - step.beta_2) as f32,
                step.epsilon as f32,
                step.share as f32,
                (step.share * step.weight_decay) as f32,
            ),
            elements,
            number,
            step.first,
            step.amsgrad,
        );
    }
    out
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

#[cube(launch_unchecked, address_type = "dynamic")]
fn update(
    tensor: &Tensor<f32>,
    grad: &Tensor<f32>,
    momentum: &Tensor<f32>,
    norm: &Tensor<f32>,
    largest: &Tensor<f32>,
    parts: &Tensor<f32>,
    new_tensor: &mut Tensor<f32>,
    new_momentum: &mut Tensor<f32>,
    new_norm: &mut Tensor<f32>,
    new_largest: &mut Tensor<f32>,
    numbers: Numbers,
    elements: usize,
    number: usize,
    #[comptime] first: bool,
    #[comptime] amsgrad: bool,
) {
    if ABSOLUTE_POS >= elements {
        terminate!();
    }
    let current = total(parts, number);
    let mut running = current;
    let mut highest = current;
    if comptime!(!first) {
        let previous = norm[0];
        if previous != 0.0 {
            running = previous * numbers.beta_2 + current * numbers.rest_2;
        }
        highest = running;
        if comptime!(amsgrad) {
            highest = max(largest[0], running);
        }
    }
    let divisor = if comptime!(amsgrad) { highest.sqrt() } else { running.sqrt() };
    let factor = numbers.share / (divisor + numbers.epsilon);
    let value = tensor[ABSOLUTE_POS];
    let mut moved = grad[ABSOLUTE_POS] * factor + value * numbers.decay;
    if comptime!(!first) {
        moved += momentum[ABSOLUTE_POS] * numbers.beta_1;
    }
    new_momentum[ABSOLUTE_POS] = moved;
    new_tensor[ABSOLUTE_POS] = value - moved * numbers.lr;
    if ABSOLUTE_POS == 0 {
        new_norm[0] = running;
        new_largest[0] = highest;
    }
}
