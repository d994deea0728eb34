//! Convolutions as a Burn backend extension with their own backward passes.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::ConvOptions;
use crate::flex_device::is_flex_f32;

/// Whether the kernels of this module take these shapes, which fit together: f32 on Flex, kernel 1 without padding or
/// kernel 3 with padding up to 2, stride 1.
pub(super) fn covers(x: &Tensor<5>, weight: &Tensor<5>, options: ConvOptions) -> bool {
    let [out, _, kernel @ ..] = weight.dims();
    let kernel = match kernel {
        [1, 1, 1] => options.padding == [0; 3],
        [3, 3, 3] => options.padding.iter().all(|p| *p <= 2),
        _ => false,
    };
    let something = out > 0 && x.dims().iter().all(|side| *side > 0);
    kernel && something && options.stride == [1; 3] && is_flex_f32(x) && is_flex_f32(weight)
}

/// [`conv3d`](crate::conv3d) without bias for what [`covers`] accepts.
pub(super) fn conv3d(x: Tensor<5>, weight: Tensor<5>, padding: [usize; 3]) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::conv3d_direct(x.into_dispatch(), weight.into_dispatch(), padding))
}

/// Backends that convolve.
#[backend_extension(Autodiff, Flex)]
pub trait ConvBackend: Backend {
    /// Cross-correlation with stride 1 and a cubic kernel of 1 or 3.
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, padding: [usize; 3]) -> FloatTensor<Self>;
}

/// Backends that know the gradients too.
pub trait ConvGradientBackend: ConvBackend {
    /// Gradient of the input of shape `input`.
    fn conv3d_direct_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        padding: [usize; 3],
    ) -> FloatTensor<Self>;

    /// Gradient of the weights of shape `weight`.
    fn conv3d_direct_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        padding: [usize; 3],
    ) -> FloatTensor<Self>;
}

impl<B: ConvGradientBackend, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, padding: [usize; 3]) -> FloatTensor<Self> {
        match ConvGradient.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let shapes = [x.primitive().shape(), weight.primitive().shape()];
                let state = (prep.checkpoint(&x), prep.checkpoint(&weight), shapes, padding);
                prep.finish(state, B::conv3d_direct(x.into_primitive(), weight.into_primitive(), padding))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv3d_direct(x.into_primitive(), weight.into_primitive(), padding))
            }
        }
    }
}

/// The backward pass; keeps input and weights.
#[derive(Debug)]
struct ConvGradient;

impl<B: ConvGradientBackend> Backward<B, 2> for ConvGradient {
    type State = (NodeId, NodeId, [Shape; 2], [usize; 3]);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_parent, weight_parent] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, weight, [x_shape, weight_shape], padding) = ops.state;
        let x: FloatTensor<B> = checkpointer.retrieve_node_output(x);
        let weight: FloatTensor<B> = checkpointer.retrieve_node_output(weight);
        if let Some(parent) = weight_parent {
            let of_weight = B::conv3d_direct_weight(x, gradient.clone(), weight_shape, padding);
            grads.register::<B>(parent.id, of_weight);
        }
        if let Some(parent) = x_parent {
            grads.register::<B>(parent.id, B::conv3d_direct_input(gradient, weight, x_shape, padding));
        }
    }
}
