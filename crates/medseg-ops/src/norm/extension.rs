//! Instance norm as a Burn backend extension with its own backward pass.

use crate::checkpoints::{SavedInput, parents};
use crate::kernels::kernels;
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
use burn::backend::{Autodiff, Backend, Dispatch, ExtensionType, backend_extension};
use burn::tensor::{DType, Tensor};

use super::constants::Constant;
use super::{Affine, NormRelu};

/// True if there are kernels that take these tensors. NormTensors may be of another type than `x`: kernels get them in f32.
pub(super) fn covers(x: &Tensor<5>, affine: Option<&Affine>) -> bool {
    let of_x = kernels(x);
    of_x.is_some()
        && x.shape().num_elements() > 0
        && affine.is_none_or(|(weight, bias)| kernels(weight) == of_x && kernels(bias) == of_x)
}

/// True if there are kernels that take these branches, which agree in shape.
pub(super) fn covers_branches(branches: &[(Tensor<5>, Option<Affine>); 2]) -> bool {
    let [(a, _), (b, _)] = branches;
    let alike = kernels(a) == kernels(b) && a.dtype() == b.dtype();
    alike && branches.iter().all(|(x, affine)| covers(x, affine.as_ref()))
}

/// Parameters of a norm: eps, and the ReLU that follows.
#[derive(Clone, Copy, Debug)]
pub struct NormParams {
    /// Added to the variance.
    pub(crate) eps: f64,
    /// Slope below 0 of the ReLU that follows, if one does.
    pub(crate) slope: Option<f32>,
}

/// The tensors of a norm that kernels take, in f32, with constants for what it does not have; these cost a multiplication
/// and an addition a row.
pub(crate) struct NormTensors {
    pub(crate) weight: Tensor<1>,
    pub(crate) bias: Tensor<1>,
    /// `[batch, channels]`
    pub(crate) factors: Tensor<2>,
}

impl NormTensors {
    /// For `x`, if all are of a kind that the kernels take.
    pub(crate) fn covered(x: &Tensor<5>, norm: &NormRelu) -> Option<Self> {
        let of_factors = norm.factors.as_ref().is_none_or(|factors| kernels(factors) == kernels(x));
        if !covers(x, norm.affine.as_ref()) || !of_factors {
            return None;
        }
        let [batch, channels, ..] = x.dims();
        let (weight, bias) = affine_f32(norm.affine.clone(), x);
        let factors = match &norm.factors {
            Some(factors) => factors.clone().cast(DType::F32),
            None => Constant::One.tensor(x, [batch, channels]),
        };
        Some(Self { weight, bias, factors })
    }
}

/// Weight and bias in f32: 1 and 0 for every channel of `x` if there are none.
fn affine_f32(affine: Option<Affine>, x: &Tensor<5>) -> Affine {
    match affine {
        Some((weight, bias)) => (weight.cast(DType::F32), bias.cast(DType::F32)),
        None => {
            let channels = [x.dims()[1]];
            (Constant::One.tensor(x, channels), Constant::Zero.tensor(x, channels))
        }
    }
}

/// Instance norm and what [`NormParams`] say.
pub(super) fn instance_norm(x: Tensor<5>, of: NormTensors, params: NormParams) -> Tensor<5> {
    let (weight, bias, factors) = (of.weight.into_dispatch(), of.bias.into_dispatch(), of.factors.into_dispatch());
    Tensor::from_dispatch(Dispatch::instance_norm(x.into_dispatch(), weight, bias, factors, params))
}

/// The end of a residual block for branches that [`covers_branches`] accepts.
pub(super) fn add_relu(branches: [(Tensor<5>, Option<Affine>); 2], params: NormParams) -> Tensor<5> {
    let [(a, affine_a), (b, affine_b)] = branches;
    let ((weight_a, bias_a), (weight_b, bias_b)) = (affine_f32(affine_a, &a), affine_f32(affine_b, &b));
    let [weight_a, bias_a, weight_b, bias_b] = [weight_a, bias_a, weight_b, bias_b].map(Tensor::into_dispatch);
    let (a, b) = (a.into_dispatch(), b.into_dispatch());
    Tensor::from_dispatch(Dispatch::norm_add_relu(a, b, weight_a, bias_a, weight_b, bias_b, params))
}

/// Backends that normalise. NormTensors are in f32, and so are sums, whatever the type of the tensors.
#[backend_extension(Autodiff, Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait NormBackend: Backend {
    /// `factors · (weight · normalised x + bias)`, with a weight and a bias a channel and a constant factor a channel of a
    /// sample, none negative; through a ReLU if there is a slope.
    #[fusion(dtype = x, shape = x)]
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self>;

    /// ReLU of the sum of two norms with their weights and biases.
    #[fusion(dtype = a, shape = a)]
    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self>;
}

/// Operations of a backend that the backward passes need. Statistics `[rows, 3]` are one row of [shift, rest, scale] a channel of a
/// sample, in f32: mean = shift + rest, scale = 1 / sqrt(variance + eps).
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait NormGradBackend: NormBackend {
    /// [`NormBackend::instance_norm`] and its statistics.
    #[fusion(meta = |x, _weight, _bias, _factors, _steps| (x.clone(), statistics(x)))]
    fn instance_norm_with_statistics(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of `x`, the weight and the bias.
    #[fusion(meta = |_grad, saved| (saved.x.clone(), saved.weight.clone(), saved.bias.clone()))]
    fn instance_norm_grad(
        grad: FloatTensor<Self>,
        #[extension_type] saved: NormSaved<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// [`NormBackend::norm_add_relu`], and the statistics of both branches.
    #[fusion(meta = |a, b, _weight_a, _bias_a, _weight_b, _bias_b, _steps| (a.clone(), statistics(a), statistics(b)))]
    fn norm_add_relu_with_statistics(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of x, the weight and the bias of both branches.
    #[allow(clippy::type_complexity, reason = "the macro reads the types, so they cannot have a name")]
    #[fusion(meta = |_grad, a, b, _steps| (
        (a.x.clone(), a.weight.clone(), a.bias.clone()),
        (b.x.clone(), b.weight.clone(), b.bias.clone()),
    ))]
    fn norm_add_relu_grad(
        grad: FloatTensor<Self>,
        #[extension_type] a: BranchSaved<Self>,
        #[extension_type] b: BranchSaved<Self>,
        params: NormParams,
    ) -> (
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    );
}

/// The statistics of a tensor.
#[cfg(feature = "fusion")]
pub(crate) fn statistics(x: &TensorSpec) -> TensorSpec {
    let [batch, channels, ..] = x.shape.dims::<5>();
    TensorSpec::new(burn::tensor::Shape::new([batch * channels, 3]), DType::F32)
}

/// Saved for the backward pass of an instance norm: its input, not its output.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct NormSaved<B: Backend> {
    pub(crate) x: FloatTensor<B>,
    pub(crate) weight: FloatTensor<B>,
    pub(crate) bias: FloatTensor<B>,
    pub(crate) factors: FloatTensor<B>,
    pub(crate) statistics: FloatTensor<B>,
    pub(crate) params: NormParams,
}

/// Saved of a branch for the backward pass of the end of a residual block.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct BranchSaved<B: Backend> {
    pub(super) x: FloatTensor<B>,
    pub(super) weight: FloatTensor<B>,
    pub(super) bias: FloatTensor<B>,
    pub(super) statistics: FloatTensor<B>,
}

impl<B: NormGradBackend, C: CheckpointStrategy> NormBackend for Autodiff<B, C> {
    fn instance_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        let inputs = [x, weight, bias];
        let factors = factors.into_primitive();
        let again =
            NormAgain::<B> { inputs: inputs.each_ref().map(SavedInput::new::<C>), factors: factors.clone(), params };
        let prep = NormGrad.prepare::<C>(inputs.each_ref().map(|x| x.node())).memory_bound().retro_forward(again);
        let prep = prep.parents(parents::<B, C>(&inputs, 1)).stateful();
        let [x, weight, bias] = inputs.map(|x| x.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let (out, statistics) =
                    B::instance_norm_with_statistics(x.clone(), weight.clone(), bias.clone(), factors.clone(), params);
                prep.finish(NormSaved { x, weight, bias, factors, statistics, params }, out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::instance_norm(x, weight, bias, factors, params)),
        }
    }

    fn norm_add_relu(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        weight_a: FloatTensor<Self>,
        bias_a: FloatTensor<Self>,
        weight_b: FloatTensor<Self>,
        bias_b: FloatTensor<Self>,
        params: NormParams,
    ) -> FloatTensor<Self> {
        let inputs = [a, b, weight_a, bias_a, weight_b, bias_b];
        let again = BranchesAgain::<B> { inputs: inputs.each_ref().map(SavedInput::new::<C>), params };
        let prep = BranchesGrad.prepare::<C>(inputs.each_ref().map(|x| x.node())).memory_bound().retro_forward(again);
        let prep = prep.parents(parents::<B, C>(&inputs, 2)).stateful();
        let tensors = inputs.map(|x| x.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let [a, b, weight_a, bias_a, weight_b, bias_b] = tensors.clone();
                let (out, of_a, of_b) =
                    B::norm_add_relu_with_statistics(a, b, weight_a, bias_a, weight_b, bias_b, params);
                let [a, b, weight_a, bias_a, weight_b, bias_b] = tensors;
                let a = BranchSaved { x: a, weight: weight_a, bias: bias_a, statistics: of_a };
                let b = BranchSaved { x: b, weight: weight_b, bias: bias_b, statistics: of_b };
                prep.finish((a, b, params), out)
            }
            OpsKind::UnTracked(prep) => {
                let [a, b, weight_a, bias_a, weight_b, bias_b] = tensors;
                prep.finish(B::norm_add_relu(a, b, weight_a, bias_a, weight_b, bias_b, params))
            }
        }
    }
}

/// The instance norm computed again, where gradients are checkpointed.
#[derive(Debug)]
struct NormAgain<B: Backend> {
    /// x, weight and bias.
    inputs: [SavedInput<B>; 3],
    factors: FloatTensor<B>,
    params: NormParams,
}

impl<B: NormBackend> RetroForward for NormAgain<B> {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let [x, weight, bias] = self.inputs.each_ref().map(|input| input.get(states));
        states.save(out_node, B::instance_norm(x, weight, bias, self.factors.clone(), self.params));
    }
}

/// The end of a residual block computed again.
#[derive(Debug)]
struct BranchesAgain<B: Backend> {
    /// Both branches, then their weights and biases.
    inputs: [SavedInput<B>; 6],
    params: NormParams,
}

impl<B: NormBackend> RetroForward for BranchesAgain<B> {
    fn forward(&self, states: &mut BackwardStates, out_node: NodeId) {
        let [a, b, weight_a, bias_a, weight_b, bias_b] = self.inputs.each_ref().map(|input| input.get(states));
        states.save(out_node, B::norm_add_relu(a, b, weight_a, bias_a, weight_b, bias_b, self.params));
    }
}

/// Backward pass of the instance norm.
#[derive(Debug)]
struct NormGrad;

impl<B: NormGradBackend> Backward<B, 3> for NormGrad {
    type State = NormSaved<B>;

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

impl<B: NormGradBackend> Backward<B, 6> for BranchesGrad {
    type State = (BranchSaved<B>, BranchSaved<B>, NormParams);

    fn backward(self, ops: Ops<Self::State, 6>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let (a, b, params) = ops.state;
        let ((a, weight_a, bias_a), (b, weight_b, bias_b)) = B::norm_add_relu_grad(grad, a, b, params);
        for (parent, grad) in ops.parents.into_iter().zip([a, b, weight_a, bias_a, weight_b, bias_b]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}
