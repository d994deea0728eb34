//! The loss as a Burn backend extension with its own backward pass.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;

use super::overlap::{self, Input, Overlap};

/// Backends with a kernel for losses of overlap. Tensors are of f32, `[batch, classes, depth, height, width]`.
#[backend_extension(Autodiff, Cube, Fusion: cfg(feature = "fusion"))]
pub trait OverlapBackend: Backend {
    /// The loss, shape `[1]`.
    #[fusion(meta = |_prediction, _target, _overlap| TensorSpec::new(Shape::new([1]), DType::F32))]
    fn overlap_loss(prediction: FloatTensor<Self>, target: FloatTensor<Self>, overlap: Overlap) -> FloatTensor<Self>;
}

/// Backends that know the gradients too.
#[backend_extension(Cube, Fusion: cfg(feature = "fusion"))]
pub trait OverlapGradBackend: OverlapBackend {
    /// The loss, and its derivatives by the intersection and by the size of the prediction, for every class of every sample:
    /// `[2, batch · classes]`.
    #[fusion(meta = |prediction, _target, _overlap| {
        let [batch, classes, ..] = prediction.shape.dims::<5>();
        (TensorSpec::new(Shape::new([1]), DType::F32), TensorSpec::new(Shape::new([2, batch * classes]), DType::F32))
    })]
    fn overlap_loss_with_slopes(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        overlap: Overlap,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradient of one input.
    #[fusion(meta = |prediction, _target, _slopes, _grad, _overlap, _of| prediction.clone())]
    fn overlap_loss_grad(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        slopes: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        overlap: Overlap,
        of: Input,
    ) -> FloatTensor<Self>;
}

impl OverlapBackend for CubeBackend {
    fn overlap_loss(prediction: FloatTensor<Self>, target: FloatTensor<Self>, overlap: Overlap) -> FloatTensor<Self> {
        overlap::loss(&prediction, &target, overlap).0
    }
}

impl OverlapGradBackend for CubeBackend {
    fn overlap_loss_with_slopes(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        overlap: Overlap,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        overlap::loss(&prediction, &target, overlap)
    }

    fn overlap_loss_grad(
        prediction: FloatTensor<Self>,
        target: FloatTensor<Self>,
        slopes: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        overlap: Overlap,
        of: Input,
    ) -> FloatTensor<Self> {
        overlap::grad(&prediction, &target, slopes, grad, overlap, of)
    }
}

impl<B: OverlapGradBackend, C: CheckpointStrategy> OverlapBackend for Autodiff<B, C> {
    fn overlap_loss(prediction: FloatTensor<Self>, target: FloatTensor<Self>, overlap: Overlap) -> FloatTensor<Self> {
        let prep = OverlapGrad.prepare::<C>([prediction.node(), target.node()]).compute_bound().stateful();
        let (prediction, target) = (prediction.into_primitive(), target.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let (loss, slopes) = B::overlap_loss_with_slopes(prediction.clone(), target.clone(), overlap);
                prep.finish(Saved { prediction, target, slopes, overlap }, loss)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::overlap_loss(prediction, target, overlap)),
        }
    }
}

/// Saved for the backward pass.
#[derive(Clone, Debug)]
struct Saved<B: Backend> {
    prediction: FloatTensor<B>,
    target: FloatTensor<B>,
    slopes: FloatTensor<B>,
    overlap: Overlap,
}

/// The backward pass.
#[derive(Debug)]
struct OverlapGrad;

impl<B: OverlapGradBackend> Backward<B, 2> for OverlapGrad {
    type State = Saved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let Saved { prediction, target, slopes, overlap } = ops.state;
        for (parent, of) in ops.parents.into_iter().zip([Input::Prediction, Input::Target]) {
            if let Some(parent) = parent {
                let (prediction, target) = (prediction.clone(), target.clone());
                let result = B::overlap_loss_grad(prediction, target, slopes.clone(), grad.clone(), overlap, of);
                grads.register::<B>(parent.id, result);
            }
        }
    }
}
