//! Concatenation as a Burn backend extension with its own backward pass.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{
        base::Checkpointer, retro_forward::RetroForward, state::BackwardStates, strategy::CheckpointStrategy,
    },
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};
use burn_cubecl::CubeBackend;

use crate::checkpoints::{SavedInput, parents};
use crate::cube;
use crate::kernels::{Kernels, kernels};

/// True if the kernels take these tensors.
pub(super) fn covers(skip: &Tensor<5>, below: &Tensor<5>) -> bool {
    let cube = [skip, below].into_iter().all(|x| kernels(x) == Some(Kernels::Cube) && x.shape().num_elements() > 0);
    cube && skip.dtype() == below.dtype()
}

/// Backends that concatenate along the channels.
#[backend_extension(Autodiff, Cube, Fusion: cfg(feature = "fusion"))]
pub trait ConcatBackend: Backend {
    /// The channels of `skip` and those of `below`, which is upsampled first, with or without aligned corners, if
    /// `upsampled` says so.
    #[fusion(meta = |skip, below, _upsampled| joined(skip, below))]
    fn concat(skip: FloatTensor<Self>, below: FloatTensor<Self>, upsampled: Option<bool>) -> FloatTensor<Self>;
}

/// Backends that also know the gradients.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub trait ConcatGradBackend: ConcatBackend {
    /// Gradients of both inputs, of these shapes.
    #[fusion(meta = |grad, skip, below, _upsampled| (
        TensorSpec::new(skip.clone(), grad.dtype),
        TensorSpec::new(below.clone(), grad.dtype),
    ))]
    fn concat_grads(
        grad: FloatTensor<Self>,
        skip: Shape,
        below: Shape,
        upsampled: Option<bool>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The output of [`ConcatBackend::concat`].
#[cfg(feature = "fusion")]
fn joined(skip: &TensorSpec, below: &TensorSpec) -> TensorSpec {
    let ([batch, a, d, h, w], [_, b, ..]) = (skip.shape.dims::<5>(), below.shape.dims::<5>());
    TensorSpec::new(Shape::new([batch, a + b, d, h, w]), skip.dtype)
}

impl ConcatBackend for CubeBackend {
    fn concat(skip: FloatTensor<Self>, below: FloatTensor<Self>, upsampled: Option<bool>) -> FloatTensor<Self> {
        cube::concat(skip, below, upsampled)
    }
}

impl ConcatGradBackend for CubeBackend {
    fn concat_grads(
        grad: FloatTensor<Self>,
        skip: Shape,
        _below: Shape,
        upsampled: Option<bool>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [_, channels, ..] = skip.dims::<5>();
        cube::split(grad, channels, upsampled)
    }
}

impl<B: ConcatGradBackend, C: CheckpointStrategy> ConcatBackend for Autodiff<B, C> {
    fn concat(skip: FloatTensor<Self>, below: FloatTensor<Self>, upsampled: Option<bool>) -> FloatTensor<Self> {
        let inputs = [skip, below];
        let again = ConcatAgain::<B> { inputs: inputs.each_ref().map(SavedInput::new::<C>), upsampled };
        let prep = ConcatGrad.prepare::<C>(inputs.each_ref().map(|x| x.node())).memory_bound().retro_forward(again);
        let prep = prep.parents(parents::<B, C>(&inputs, 2)).stateful();
        let [skip, below] = inputs.map(|x| x.into_primitive());
        let shapes = [skip.shape(), below.shape()];
        let out = B::concat(skip, below, upsampled);
        match prep {
            OpsKind::Tracked(prep) => prep.finish((shapes, upsampled), out),
            OpsKind::UnTracked(prep) => prep.finish(out),
        }
    }
}

/// The concatenation made again, where gradients are checkpointed.
#[derive(Debug)]
struct ConcatAgain<B: Backend> {
    inputs: [SavedInput<B>; 2],
    upsampled: Option<bool>,
}

impl<B: ConcatBackend> RetroForward for ConcatAgain<B> {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let [skip, below] = self.inputs.each_ref().map(|input| input.get(states));
        states.save(out_node, B::concat(skip, below, self.upsampled));
    }
}

/// The backward pass; keeps no tensor, the operation being linear.
#[derive(Debug)]
struct ConcatGrad;

impl<B: ConcatGradBackend> Backward<B, 2> for ConcatGrad {
    type State = ([Shape; 2], Option<bool>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let ([skip, below], upsampled) = ops.state;
        if ops.parents.iter().all(Option::is_none) {
            return;
        }
        let (skip, below) = B::concat_grads(grad, skip, below, upsampled);
        for (parent, grad) in ops.parents.into_iter().zip([skip, below]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}
