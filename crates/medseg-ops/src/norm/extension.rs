//! Instance norm as a Burn backend extension with its own backward pass.

use crate::flex_device::is_flex_f32;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// Whether the kernels of this module take these tensors.
pub(super) fn covers(x: &Tensor<5>, affine: Option<&(Tensor<1>, Tensor<1>)>) -> bool {
    is_flex_f32(x)
        && x.shape().num_elements() > 0
        && affine.is_none_or(|(weight, bias)| is_flex_f32(weight) && is_flex_f32(bias))
}

/// Instance norm, with a ReLU if `relu`, for tensors that [`covers`] accepts.
pub(super) fn instance_norm(x: Tensor<5>, affine: Option<(Tensor<1>, Tensor<1>)>, eps: f64, relu: bool) -> Tensor<5> {
    // Without a weight and a bias: constants, which cost one multiplication and one addition a row.
    let (weight, bias) = affine.unwrap_or_else(|| {
        let (channels, device) = ([x.dims()[1]], x.device());
        (Tensor::ones(channels, &device), Tensor::zeros(channels, &device))
    });
    let out = Dispatch::instance_norm(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), eps, relu);
    Tensor::from_dispatch(out)
}

/// The end of a residual block for tensors that [`covers`] accepts.
pub(super) fn instance_norm_add_relu(a: Tensor<5>, b: Tensor<5>, eps: f64) -> Tensor<5> {
    Tensor::from_dispatch(Dispatch::instance_norm_add_relu(a.into_dispatch(), b.into_dispatch(), eps))
}

/// Backends that normalise.
#[backend_extension(Autodiff, Flex)]
pub trait NormBackend: Backend {
    /// Normalised `x`, times `weight` plus `bias` (one value a channel), through a ReLU if `relu`.
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// ReLU of the sum of normalised `a` and normalised `b`.
    fn instance_norm_add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>, eps: f64) -> FloatTensor<Self>;
}

/// What the backward passes need from a backend. Statistics are one row of [shift, rest, scale] a channel of a sample:
/// mean = shift + rest, scale = 1 / sqrt(variance + eps).
pub trait NormGradBackend: NormBackend {
    /// [`NormBackend::instance_norm`] and its statistics.
    fn instance_norm_kept(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of `x`, the weight and the bias.
    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        kept: NormKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`NormBackend::instance_norm_add_relu`] and the statistics of `a` and of `b`.
    fn instance_norm_add_relu_kept(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        eps: f64,
    ) -> (FloatTensor<Self>, [FloatTensor<Self>; 2]);

    /// Gradients of `a` and of `b`.
    fn instance_norm_add_relu_grad(
        grad: FloatTensor<Self>,
        kept: BranchesKept<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What the backward pass of an instance norm keeps: its input, not its output.
#[derive(Clone, Debug)]
pub struct NormKept<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
    pub(crate) statistics: FloatTensor<B>,
    pub(crate) relu: bool,
}

/// What the backward pass of the end of a residual block keeps.
#[derive(Clone, Debug)]
pub struct BranchesKept<B: Backend> {
    pub(super) branches: [FloatTensor<B>; 2],
    pub(super) statistics: [FloatTensor<B>; 2],
}

impl<B: NormGradBackend, C: CheckpointStrategy> NormBackend for Autodiff<B, C> {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        eps: f64,
        relu: bool,
    ) -> FloatTensor<Self> {
        let prep = NormGrad.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let (out, statistics) = B::instance_norm_kept(x.clone(), weight.clone(), bias.clone(), eps, relu);
                prep.finish(NormKept { x, weight, bias, statistics, relu }, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::instance_norm(x, weight, bias, eps, relu)),
        }
    }

    fn instance_norm_add_relu(a: FloatTensor<Self>, b: FloatTensor<Self>, eps: f64) -> FloatTensor<Self> {
        let prep = BranchesGrad.prepare::<C>([a.node(), b.node()]).compute_bound().stateful();
        let (a, b) = (a.into_primitive(), b.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let (out, statistics) = B::instance_norm_add_relu_kept(a.clone(), b.clone(), eps);
                prep.finish(BranchesKept { branches: [a, b], statistics }, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::instance_norm_add_relu(a, b, eps)),
        }
    }
}

/// Backward pass of the instance norm.
#[derive(Debug)]
struct NormGrad;

impl<B: NormGradBackend> Backward<B, 3> for NormGrad {
    type State = NormKept<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (x, weight, bias) = B::instance_norm_grad(grad, ops.state);
        for (parent, grad) in ops.parents.into_iter().zip([x, weight, bias]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

/// Backward pass of the end of a residual block.
#[derive(Debug)]
struct BranchesGrad;

impl<B: NormGradBackend> Backward<B, 2> for BranchesGrad {
    type State = BranchesKept<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (a, b) = B::instance_norm_add_relu_grad(grad, ops.state);
        for (parent, grad) in ops.parents.into_iter().zip([a, b]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}
