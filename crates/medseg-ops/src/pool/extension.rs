//! Max-pooling as a Burn backend extension with its own backward pass.

use crate::kernels::kernels;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};
use medseg_kernels::MaxPool3d;

/// True if the kernels of this module take `x` and a kernel of this size.
pub(super) fn covers(x: &Tensor<5>, kernel: usize) -> bool {
    kernel <= MaxPool3d::LARGEST_INDEXED_KERNEL && kernels(x).is_some() && x.shape().num_elements() > 0
}

/// [`max_pool3d`](crate::max_pool3d) for a tensor that [`covers`] accepts.
pub(super) fn max_pool3d(x: Tensor<5>, window: MaxPool3d) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::max_pool3d(x.into_dispatch(), window))
}

/// Backends that pool.
#[backend_extension(Autodiff, Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait PoolBackend: Backend {
    /// The maxima of all windows.
    #[fusion(meta = maxima)]
    fn max_pool3d(x: FloatTensor<Self>, window: MaxPool3d) -> FloatTensor<Self>;
}

/// Backends that also know where each maximum came from.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait PoolGradBackend: PoolBackend {
    /// The maxima, and for each the number of its voxel within its window, in depth, height, width order. A number is a
    /// byte, which lies where the backend's [`max_pool3d_grad`](Self::max_pool3d_grad) looks for it.
    #[fusion(meta = numbered_maxima)]
    fn max_pool3d_indexed(x: FloatTensor<Self>, window: MaxPool3d) -> (FloatTensor<Self>, IntTensor<Self>);

    /// Adds the gradient of each maximum to its voxel of an input of shape `input`.
    #[fusion(dtype = grad, shape = input.clone())]
    fn max_pool3d_grad(
        grad: FloatTensor<Self>,
        index: IntTensor<Self>,
        input: Shape,
        window: MaxPool3d,
    ) -> FloatTensor<Self>;
}

/// The output of [`PoolBackend::max_pool3d`].
#[cfg(feature = "fusion")]
fn maxima(x: &TensorSpec, window: &MaxPool3d) -> TensorSpec {
    let [batch, channels, shape @ ..] = x.shape.dims::<5>();
    let [depth, height, width] = shape.map(|length| window.count(length));
    TensorSpec::new(Shape::new([batch, channels, depth, height, width]), x.dtype)
}

/// The outputs of [`PoolGradBackend::max_pool3d_indexed`] on CubeCL.
#[cfg(feature = "fusion")]
fn numbered_maxima(x: &TensorSpec, window: &MaxPool3d) -> (TensorSpec, TensorSpec) {
    let out = maxima(x, window);
    let index = super::cube::index_spec(&out);
    (out, index)
}

impl<B: PoolGradBackend, C: CheckpointStrategy> PoolBackend for Autodiff<B, C> {
    fn max_pool3d(x: FloatTensor<Self>, window: MaxPool3d) -> FloatTensor<Self> {
        match MaxPoolGrad.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let shape = x.primitive().shape();
                let (out, index) = B::max_pool3d_indexed(x.into_primitive(), window);
                prep.finish((index, shape, window), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::max_pool3d(x.into_primitive(), window)),
        }
    }
}

/// The backward pass; keeps one byte an output voxel.
#[derive(Debug)]
struct MaxPoolGrad;

impl<B: PoolGradBackend> Backward<B, 1> for MaxPoolGrad {
    type State = (IntTensor<B>, Shape, MaxPool3d);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (index, input, window) = ops.state;
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::max_pool3d_grad(grad, index, input, window));
        }
    }
}
