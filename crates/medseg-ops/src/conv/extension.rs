//! Convolutions as a Burn backend extension with their own backward passes.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::DType;
use burn::tensor::{Shape, Tensor};

use super::ConvOptions;
use super::strided::extension::covers as covers_any;
#[cfg(feature = "fusion")]
use super::tracked::output;
use super::tracked::{ConvSaved, tracked};
use crate::checkpoints::retrieved;
#[cfg(feature = "fusion")]
use crate::norm::extension::statistics;
use crate::norm::extension::{NormGradBackend, NormParams, NormSaved};

/// True if the kernels of this module take these shapes, which fit together: kernel 1 without padding or kernel 3 with
/// padding up to 2, stride 1.
pub(super) fn covers(inputs: &[&Tensor<5>], weight: &Tensor<5>, options: ConvOptions) -> bool {
    let [.., depth, height, width] = weight.dims();
    let kernel = match [depth, height, width] {
        [1, 1, 1] => options.padding == [0; 3],
        [3, 3, 3] => options.padding.iter().all(|p| *p <= 2),
        _ => false,
    };
    let alike = inputs.iter().all(|x| x.dtype() == inputs[0].dtype());
    kernel && options.stride == [1; 3] && alike && inputs.iter().all(|x| covers_any(x, weight))
}

/// True if a transposed convolution with weights `[in, out, kernel]` is one that [`covers`] accepts.
pub(super) fn covers_transposed(weight: &Tensor<5>, options: ConvOptions) -> bool {
    let [_, _, kernel @ ..] = weight.dims();
    kernel == [3; 3] && options.stride == [1; 3] && options.padding.iter().all(|p| *p <= 2)
}

/// Backends that convolve with stride 1 and a cubic kernel of 1 or 3. Weights are f32; the result has the type of x.
#[backend_extension(Autodiff, Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait ConvBackend: Backend {
    /// Of one input.
    #[fusion(meta = output)]
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self>;

    /// Of the channels of `skip` and those of `below`, which is upsampled first, with or without aligned corners, if
    /// `upsampled` says so.
    #[fusion(meta = |skip, _below, weight, _enlarged, options| output(skip, weight, options))]
    fn conv3d_concat(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Of what [`NormBackend::instance_norm`](crate::norm::extension::NormBackend::instance_norm) makes of x with a weight
    /// and a bias a channel and a ReLU.
    #[fusion(meta = |x, _norm_weight, _norm_bias, _factors, weight, _steps, options| output(x, weight, options))]
    fn conv3d_norm_relu(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

/// Backends that know the gradients too. Those of weights are f32.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait ConvGradBackend: ConvBackend + NormGradBackend {
    /// Gradient of the input of shape `input`.
    #[fusion(meta = |grad, _weight, input, _options| TensorSpec::new(input.clone(), grad.dtype))]
    fn conv3d_direct_input_grad(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Gradient of the weights of shape `weight`.
    #[fusion(meta = |_x, _grad, weight, _options| TensorSpec::new(weight.clone(), DType::F32))]
    fn conv3d_direct_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Gradients of both inputs, of these shapes.
    #[fusion(meta = |grad, _weight, skip, below, _enlarged, _options| (
        TensorSpec::new(skip.clone(), grad.dtype),
        TensorSpec::new(below.clone(), grad.dtype),
    ))]
    fn conv3d_concat_input_grads(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        skip: Shape,
        below: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of the weights of shape `weight`.
    #[fusion(meta = |_skip, _below, _grad, weight, _enlarged, _options| TensorSpec::new(weight.clone(), DType::F32))]
    fn conv3d_concat_weight_grad(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// [`ConvBackend::conv3d_norm_relu`] and the statistics of x.
    #[fusion(meta = |x, _norm_weight, _norm_bias, _factors, weight, _steps, options| (
        output(x, weight, options),
        statistics(x),
    ))]
    fn conv3d_norm_relu_with_statistics(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of the weights of shape `weight`.
    #[fusion(meta = |_norm, _grad, weight, _options| TensorSpec::new(weight.clone(), DType::F32))]
    fn conv3d_norm_relu_weight_grad(
        #[extension_type] norm: NormSaved<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

impl<B: ConvGradBackend, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        tracked::<B, C, _>(Direct, x, weight, options, |x, weight| B::conv3d_direct(x, weight, options))
    }

    fn conv3d_concat(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        upsampled: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let prep = Concat.prepare::<C>([skip.node(), below.node(), weight.node()]).compute_bound().stateful();
        match prep {
            OpsKind::Tracked(mut prep) => {
                let inputs = weight.is_tracked().then(|| [&skip, &below].map(|x| prep.checkpoint(x)));
                let (skip, below, weight) = (skip.into_primitive(), below.into_primitive(), weight.into_primitive());
                let shapes = [skip.shape(), below.shape()];
                let saved = ConcatSaved { inputs, shapes, weight: weight.clone(), upsampled, options };
                prep.finish(saved, B::conv3d_concat(skip, below, weight, upsampled, options))
            }
            OpsKind::UnTracked(prep) => {
                let (skip, below, weight) = (skip.into_primitive(), below.into_primitive(), weight.into_primitive());
                prep.finish(B::conv3d_concat(skip, below, weight, upsampled, options))
            }
        }
    }

    fn conv3d_norm_relu(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        params: NormParams,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), norm_weight.node(), norm_bias.node(), weight.node()];
        let (x, factors, weight) = (x.into_primitive(), factors.into_primitive(), weight.into_primitive());
        let (norm_weight, norm_bias) = (norm_weight.into_primitive(), norm_bias.into_primitive());
        match NormReluConv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (out, statistics) = B::conv3d_norm_relu_with_statistics(
                    x.clone(),
                    norm_weight.clone(),
                    norm_bias.clone(),
                    factors.clone(),
                    weight.clone(),
                    params,
                    options,
                );
                let norm = NormSaved { x, weight: norm_weight, bias: norm_bias, factors, statistics, params };
                prep.finish((norm, weight, options), out)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv3d_norm_relu(x, norm_weight, norm_bias, factors, weight, params, options))
            }
        }
    }
}

/// The backward pass of one input.
#[derive(Debug)]
struct Direct;

impl<B: ConvGradBackend> Backward<B, 2> for Direct {
    type State = ConvSaved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [of_x, of_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ConvSaved { x, shape, weight, options } = ops.state;
        if let Some((parent, x)) = of_weight.zip(x) {
            let x = retrieved::<B>(checkpointer, x);
            let result = B::conv3d_direct_weight_grad(x, grad.clone(), weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if let Some(parent) = of_x {
            grads.register::<B>(parent.id, B::conv3d_direct_input_grad(grad, weight, shape, options));
        }
    }
}

/// Saved for the backward pass of two inputs.
#[derive(Clone, Debug)]
struct ConcatSaved<B: Backend> {
    /// The inputs, if the weights have a gradient.
    inputs: Option<[NodeId; 2]>,
    shapes: [Shape; 2],
    weight: FloatTensor<B>,
    upsampled: Option<bool>,
    options: ConvOptions,
}

/// The backward pass of two inputs.
#[derive(Debug)]
struct Concat;

impl<B: ConvGradBackend> Backward<B, 3> for Concat {
    type State = ConcatSaved<B>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [of_skip, of_below, of_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ConcatSaved { inputs, shapes, weight, upsampled, options } = ops.state;
        if let Some((parent, inputs)) = of_weight.zip(inputs) {
            let [skip, below] = inputs.map(|input| retrieved::<B>(checkpointer, input));
            let result = B::conv3d_concat_weight_grad(skip, below, grad.clone(), weight.shape(), upsampled, options);
            grads.register::<B>(parent.id, result);
        }
        if of_skip.is_none() && of_below.is_none() {
            return;
        }
        let [skip, below] = shapes;
        let (skip, below) = B::conv3d_concat_input_grads(grad, weight, skip, below, upsampled, options);
        for (parent, result) in [(of_skip, skip), (of_below, below)] {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, result);
            }
        }
    }
}

/// The backward pass of a normalised input; keeps the input before the norm, and weights.
#[derive(Debug)]
struct NormReluConv;

impl<B: ConvGradBackend> Backward<B, 4> for NormReluConv {
    type State = (NormSaved<B>, FloatTensor<B>, ConvOptions);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [of_norm @ .., of_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let (norm, weight, options) = ops.state;
        if let Some(parent) = of_weight {
            let result = B::conv3d_norm_relu_weight_grad(norm.clone(), grad.clone(), weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if of_norm.iter().all(Option::is_none) {
            return;
        }
        let grad = B::conv3d_direct_input_grad(grad, weight, norm.x.shape(), options);
        let (x, weight, bias) = B::instance_norm_grad(grad, norm);
        for (parent, result) in of_norm.into_iter().zip([x, weight, bias]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, result);
            }
        }
    }
}
