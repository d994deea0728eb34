//! Instance norm as a Burn backend extension with its own backward pass.

use crate::kernels::is_flex_f32;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::{Affine, NormRelu};

/// Whether the kernels of this module take these tensors.
pub(super) fn covers(x: &Tensor<5>, affine: Option<&Affine>) -> bool {
    is_flex_f32(x)
        && x.shape().num_elements() > 0
        && affine.is_none_or(|(weight, bias)| is_flex_f32(weight) && is_flex_f32(bias))
}

/// What else a norm does.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// Added to the variance.
    pub(crate) eps: f64,
    /// Slope below 0 of the ReLU that follows, if one does.
    pub(crate) slope: Option<f32>,
}

/// The tensors of a norm that kernels take, with constants for what it does not have; these cost a multiplication and an
/// addition a row.
pub(crate) struct Parameters {
    pub(crate) weight: Tensor<1>,
    pub(crate) bias: Tensor<1>,
    /// `[batch, channels]`
    pub(crate) factors: Tensor<2>,
}

impl Parameters {
    /// For `x`, if all are of a kind that the kernels take.
    pub(crate) fn covered(x: &Tensor<5>, norm: &NormRelu) -> Option<Self> {
        if !covers(x, norm.affine.as_ref()) || !norm.factors.as_ref().is_none_or(is_flex_f32) {
            return None;
        }
        let [batch, channels, ..] = x.dims();
        let (weight, bias) = norm.affine.clone().unwrap_or_else(|| no_affine(x));
        let factors = norm.factors.clone().unwrap_or_else(|| Tensor::ones([batch, channels], &x.device()));
        Some(Self { weight, bias, factors })
    }
}

/// A weight of 1 and a bias of 0 for every channel of `x`.
fn no_affine(x: &Tensor<5>) -> Affine {
    let (channels, device) = ([x.dims()[1]], x.device());
    (Tensor::ones(channels, &device), Tensor::zeros(channels, &device))
}

/// Instance norm and what [`Steps`] say.
pub(super) fn instance_norm(x: Tensor<5>, of: Parameters, steps: Steps) -> Tensor<5> {
    let (weight, bias, factors) = (of.weight.into_dispatch(), of.bias.into_dispatch(), of.factors.into_dispatch());
    Tensor::from_dispatch(Dispatch::instance_norm(x.into_dispatch(), weight, bias, factors, steps))
}

/// The end of a residual block for branches that [`covers`] accepts.
pub(super) fn add_relu(branches: [(Tensor<5>, Option<Affine>); 2], steps: Steps) -> Tensor<5> {
    let [(a, affine_a), (b, affine_b)] = branches;
    let (weight_a, bias_a) = affine_a.unwrap_or_else(|| no_affine(&a));
    let (weight_b, bias_b) = affine_b.unwrap_or_else(|| no_affine(&b));
    let [weight_a, bias_a, weight_b, bias_b] = [weight_a, bias_a, weight_b, bias_b].map(Tensor::into_dispatch);
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::norm_add_relu(a, b, weight_a, bias_a, weight_b, bias_b, steps))
}

/// Backends that normalise.
#[backend_extension(Autodiff, Flex)]
pub trait NormBackend: Backend {
    /// `factors · (weight · normalised x + bias)`, with a weight and a bias a channel and a constant factor a channel of a
    /// sample, none negative; through a ReLU if there is a slope.
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self>;

    /// ReLU of the sum of two norms with their weights and biases.
    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self>;
}

/// What the backward passes need from a backend. Statistics are one row of [shift, rest, scale] a channel of a sample:
/// mean = shift + rest, scale = 1 / sqrt(variance + eps).
pub trait NormGradBackend: NormBackend {
    /// [`NormBackend::instance_norm`] and its statistics.
    fn instance_norm_kept(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of `x`, the weight and the bias.
    fn instance_norm_grad(grad: FloatTensor<Self>, kept: NormKept<Self>) -> [FloatTensor<Self>; 3];

    /// [`NormBackend::norm_add_relu`], given weights and biases in turn, and the statistics of both branches.
    fn norm_add_relu_kept(
        branches: [FloatTensor<Self>; 2],
        affines: [FloatTensor<Self>; 4],
        steps: Steps,
    ) -> (FloatTensor<Self>, [FloatTensor<Self>; 2]);

    /// Gradients of both branches, then of the weights and biases in turn.
    fn norm_add_relu_grad(grad: FloatTensor<Self>, kept: BranchesKept<Self>) -> [FloatTensor<Self>; 6];
}

/// What the backward pass of an instance norm keeps: its input, not its output.
#[derive(Clone, Debug)]
pub struct NormKept<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
    pub(crate) factors: FloatTensor<B>,
    pub(crate) statistics: FloatTensor<B>,
    pub(crate) steps: Steps,
}

/// What the backward pass of the end of a residual block keeps.
#[derive(Clone, Debug)]
pub struct BranchesKept<B: Backend> {
    pub(super) branches: [FloatTensor<B>; 2],
    pub(super) affines: [FloatTensor<B>; 4],
    pub(super) statistics: [FloatTensor<B>; 2],
    pub(super) steps: Steps,
}

impl<B: NormGradBackend, C: CheckpointStrategy> NormBackend for Autodiff<B, C> {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let prep = NormGrad.prepare::<C>([x.node(), weight.node(), bias.node()]).compute_bound().stateful();
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        let factors = factors.into_primitive();
        match prep {
            OpsKind::Tracked(prep) => {
                let (out, statistics) =
                    B::instance_norm_kept(x.clone(), weight.clone(), bias.clone(), factors.clone(), steps);
                prep.finish(NormKept { x, weight, bias, factors, statistics, steps }, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::instance_norm(x, weight, bias, factors, steps)),
        }
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        steps: Steps,
    ) -> FloatTensor<Self> {
        let nodes = [a.node(), b.node(), weight_a.node(), bias_a.node(), weight_b.node(), bias_b.node()];
        let branches = [a.into_primitive(), b.into_primitive()];
        let affines =
            [weight_a.into_primitive(), bias_a.into_primitive(), weight_b.into_primitive(), bias_b.into_primitive()];
        match BranchesGrad.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (out, statistics) = B::norm_add_relu_kept(branches.clone(), affines.clone(), steps);
                prep.finish(BranchesKept { branches, affines, statistics, steps }, out)
            }
            OpsKind::UnTracked(prep) => {
                let ([a, b], [weight_a, bias_a, weight_b, bias_b]) = (branches, affines);
                prep.finish(B::norm_add_relu(a, b, weight_a, bias_a, weight_b, bias_b, steps))
            }
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
        for (parent, grad) in ops.parents.into_iter().zip(B::instance_norm_grad(grad, ops.state)) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

/// Backward pass of the end of a residual block.
#[derive(Debug)]
struct BranchesGrad;

impl<B: NormGradBackend> Backward<B, 6> for BranchesGrad {
    type State = BranchesKept<B>;

    fn backward(self, ops: Ops<Self::State, 6>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        for (parent, grad) in ops.parents.into_iter().zip(B::norm_add_relu_grad(grad, ops.state)) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}
