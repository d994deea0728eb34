//! Kernels for GPUs, by CubeCL: two launches for several tensors, where single operations take a dozen for each.

mod approach;
mod extension;
mod novograd;
mod queue;
mod squares;

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::{DType, Device, Tensor};

use extension::OptimBackend;
pub(crate) use novograd::NovoGradStep;
pub(crate) use queue::{approaches_together, steps_together};

/// True for tensors that the kernels take: of f32 on a GPU.
pub(crate) fn covers(device: &Device, dtype: DType) -> bool {
    fn on_gpu(device: &DispatchDevice) -> bool {
        match device {
            DispatchDevice::Autodiff(device) => on_gpu(&device.clone().inner()),
            DispatchDevice::Cube(_) => true,
            #[allow(unreachable_patterns, reason = "which others there are depends on the features of Burn")]
            _ => false,
        }
    }
    dtype == DType::F32 && on_gpu(device.as_dispatch())
}

/// The sum of the squares of `x`, shape `[1]`, and of what was added up before.
pub(crate) fn sum_of_squares<const D: usize>(x: Tensor<D>, before: Option<Tensor<1>>) -> Tensor<1> {
    let before = before.unwrap_or_else(|| Tensor::zeros([1], (&x.device(), DType::F32)));
    Tensor::from_dispatch(Dispatch::sum_of_squares(x.into_dispatch(), before.into_dispatch()))
}

/// The result of `work`, a sum of squares that it makes by [`sum_of_squares`] on this thread, in a few launches. Until then no
/// square is in it.
pub(crate) fn squares_together(work: impl FnOnce() -> Option<Tensor<1>>) -> Option<Tensor<1>> {
    let (sum, collected) = queue::collecting_squares(work);
    let sum = sum?;
    if collected.is_empty() {
        return Some(sum);
    }
    Some(queue::with_squares(collected, || Tensor::from_dispatch(Dispatch::sum_of_collected(sum.into_dispatch()))))
}

/// `average + (weight - average) · share`; of shapes that agree.
pub(crate) fn approached<const D: usize>(average: Tensor<D>, weight: Tensor<D>, share: f64) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::approached(average.into_dispatch(), weight.into_dispatch(), share))
}

/// The tensors of one step of NovoGrad.
pub(crate) struct NovoGradTensors<const D: usize> {
    pub(crate) tensor: Tensor<D>,
    pub(crate) momentum: Tensor<D>,
    /// Running squared norm `[1]`.
    pub(crate) squared_norm: Tensor<1>,
    /// Largest running squared norm `[1]`; without AMSGrad of no meaning.
    pub(crate) largest_squared_norm: Tensor<1>,
}

/// One step of NovoGrad. Before the first, momentum and norms may be any tensors of their shapes.
pub(crate) fn novograd<const D: usize>(
    before: NovoGradTensors<D>,
    grad: Tensor<D>,
    step: NovoGradStep,
) -> NovoGradTensors<D> {
    let NovoGradTensors { tensor, momentum, squared_norm, largest_squared_norm } = before;
    let (tensor, momentum, squared_norm, largest_squared_norm) = Dispatch::novograd(
        tensor.into_dispatch(),
        grad.into_dispatch(),
        momentum.into_dispatch(),
        squared_norm.into_dispatch(),
        largest_squared_norm.into_dispatch(),
        step,
    );
    NovoGradTensors {
        tensor: Tensor::from_dispatch(tensor),
        momentum: Tensor::from_dispatch(momentum),
        squared_norm: Tensor::from_dispatch(squared_norm),
        largest_squared_norm: Tensor::from_dispatch(largest_squared_norm),
    }
}
