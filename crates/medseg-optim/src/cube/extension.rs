//! The kernels as a Burn backend extension.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};
use burn_cubecl::CubeBackend;

use super::novograd::{self, NovoGradStep};
use super::{approach, queue, squares};

/// Backends with kernels for optimisers. Tensors are of f32.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub trait OptimBackend: Backend {
    /// The sum of squares of `x` and `before`, of shape `[1]`. Within [`queue::collecting_squares`] it is `before`.
    #[fusion(dtype = before, shape = before)]
    fn sum_of_squares(x: FloatTensor<Self>, before: FloatTensor<Self>) -> FloatTensor<Self>;

    /// The sum of the squares of all collected tensors and of `before`, of shape `[1]`.
    #[fusion(dtype = before, shape = before)]
    fn sum_of_collected(before: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `average + (weight - average) · share`, all of one shape.
    #[fusion(dtype = average, shape = average)]
    fn approached(average: FloatTensor<Self>, weight: FloatTensor<Self>, share: f64) -> FloatTensor<Self>;

    /// Parameter, momentum, running squared norm and the largest one after a step.
    #[fusion(meta = |tensor, _grad, momentum, norm, largest, _step| {
        (tensor.clone(), momentum.clone(), norm.clone(), largest.clone())
    })]
    fn novograd(
        tensor: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        largest_squared_norm: FloatTensor<Self>,
        step: NovoGradStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl OptimBackend for CubeBackend {
    fn sum_of_squares(x: FloatTensor<Self>, before: FloatTensor<Self>) -> FloatTensor<Self> {
        match queue::collect_square(x) {
            Some(x) => squares::sum_of_squares(vec![x], before),
            None => before,
        }
    }

    fn sum_of_collected(before: FloatTensor<Self>) -> FloatTensor<Self> {
        squares::sum_of_squares(queue::collected_squares(), before)
    }

    fn approached(average: FloatTensor<Self>, weight: FloatTensor<Self>, share: f64) -> FloatTensor<Self> {
        approach::approached(average, weight, share as f32)
    }

    fn novograd(
        tensor: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        squared_norm: FloatTensor<Self>,
        largest_squared_norm: FloatTensor<Self>,
        step: NovoGradStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [tensor, momentum, norm, largest] =
            novograd::step([tensor, momentum, squared_norm, largest_squared_norm], grad, step);
        (tensor, momentum, norm, largest)
    }
}
