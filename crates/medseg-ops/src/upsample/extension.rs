//! Trilinear upsampling as a Burn backend extension with its own backward pass.

use crate::kernels::kernels;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

/// True if the kernels of this module take `x`.
pub(super) fn covers(x: &Tensor<5>) -> bool {
    kernels(x).is_some() && x.shape().num_elements() > 0
}

/// [`upsample_trilinear2x`](crate::upsample_trilinear2x) for a tensor that [`covers`] accepts.
pub(super) fn upsample_trilinear2x(x: Tensor<5>, align_corners: bool) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::upsample_trilinear2x(x.into_dispatch(), align_corners))
}

/// Backends that upsample.
#[backend_extension(Autodiff, Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait UpsampleBackend: Backend {
    /// Twice the depth, height and width.
    #[fusion(dtype = x, shape = with_shape(x, |length| 2 * length))]
    fn upsample_trilinear2x(x: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self>;
}

/// Backends that also know the transposed operation.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait UpsampleGradBackend: UpsampleBackend {
    /// The gradient of the input, given that of the output.
    #[fusion(dtype = grad, shape = with_shape(grad, |length| length / 2))]
    fn upsample_trilinear2x_grad(grad: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self>;
}

/// `shape` with other depth, height and width.
#[cfg(feature = "fusion")]
fn with_shape(shape: &Shape, of: impl Fn(usize) -> usize) -> Shape {
    let [batch, channels, shape @ ..] = shape.dims::<5>();
    let [depth, height, width] = shape.map(of);
    Shape::new([batch, channels, depth, height, width])
}

impl<B: UpsampleGradBackend, C: CheckpointStrategy> UpsampleBackend for Autodiff<B, C> {
    fn upsample_trilinear2x(x: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let prep = UpsampleGrad.prepare::<C>([x.node()]).compute_bound().stateful();
        let out = B::upsample_trilinear2x(x.into_primitive(), align_corners);
        match prep {
            OpsKind::Tracked(prep) => prep.finish(align_corners, out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

/// The backward pass; keeps no tensor, the operation being linear.
#[derive(Debug)]
struct UpsampleGrad;

impl<B: UpsampleGradBackend> Backward<B, 1> for UpsampleGrad {
    type State = bool;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [parent] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::upsample_trilinear2x_grad(grad, ops.state));
        }
    }
}
