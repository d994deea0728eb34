//! Convolutions as a Burn backend extension with their own backward passes.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::ConvOptions;
use crate::kernels::is_flex_f32;
use crate::norm::extension::{NormGradBackend, NormKept, Steps};

/// Whether the kernels of this module take these shapes, which fit together: f32 on Flex, kernel 1 without padding or
/// kernel 3 with padding up to 2, stride 1.
pub(super) fn covers(inputs: &[&Tensor<5>], weight: &Tensor<5>, options: ConvOptions) -> bool {
    let [out, _, kernel @ ..] = weight.dims();
    let kernel = match kernel {
        [1, 1, 1] => options.padding == [0; 3],
        [3, 3, 3] => options.padding.iter().all(|p| *p <= 2),
        _ => false,
    };
    let usable = |x: &&Tensor<5>| is_flex_f32(x) && x.dims().iter().all(|side| *side > 0);
    kernel && out > 0 && options.stride == [1; 3] && is_flex_f32(weight) && inputs.iter().all(usable)
}

/// Whether a transposed convolution with weights `[in, out, kernel]` is one that [`covers`] accepts.
pub(super) fn covers_transposed(weight: &Tensor<5>, options: ConvOptions) -> bool {
    let [_, _, kernel @ ..] = weight.dims();
    kernel == [3; 3] && options.stride == [1; 3] && options.padding.iter().all(|p| *p <= 2)
}

/// Backends that convolve with stride 1 and a cubic kernel of 1 or 3.
#[backend_extension(Autodiff, Flex)]
pub trait ConvBackend: Backend {
    /// Of one input.
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self>;

    /// Of the channels of `skip` and those of `below`, which is enlarged first, with or without aligned corners, if
    /// `enlarged` says so.
    fn conv3d_joined(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Of what [`NormBackend::instance_norm`](crate::norm::extension::NormBackend::instance_norm) makes of x with a weight
    /// and a bias a channel and a ReLU.
    fn conv3d_rectified(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

/// Backends that know the gradients too.
pub trait ConvGradientBackend: ConvBackend + NormGradBackend {
    /// Gradient of the input of shape `input`.
    fn conv3d_direct_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Gradient of the weights of shape `weight`.
    fn conv3d_direct_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// Gradients of both inputs, of these shapes.
    fn conv3d_joined_inputs(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        inputs: [Shape; 2],
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of the weights of shape `weight`.
    fn conv3d_joined_weight(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self>;

    /// [`ConvBackend::conv3d_rectified`] and the statistics of x.
    fn conv3d_rectified_kept(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradient of the weights of shape `weight`.
    fn conv3d_rectified_weight(
        norm: NormKept<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

impl<B: ConvGradientBackend, C: CheckpointStrategy> ConvBackend for Autodiff<B, C> {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let prep = Direct.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful();
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let out = B::conv3d_direct(x.clone(), weight.clone(), options);
                prep.finish((x, weight, options), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::conv3d_direct(x, weight, options)),
        }
    }

    fn conv3d_joined(
        skip: FloatTensor<Self>,
        below: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        enlarged: Option<bool>,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let prep = Joined.prepare::<C>([skip.node(), below.node(), weight.node()]).compute_bound().stateful();
        let (skip, below, weight) = (skip.into_primitive(), below.into_primitive(), weight.into_primitive());
        match prep {
            OpsKind::Tracked(prep) => {
                let out = B::conv3d_joined(skip.clone(), below.clone(), weight.clone(), enlarged, options);
                prep.finish((skip, below, weight, enlarged, options), out)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::conv3d_joined(skip, below, weight, enlarged, options)),
        }
    }

    fn conv3d_rectified(
        x: FloatTensor<Self>,
        norm_weight: FloatTensor<Self>,
        norm_bias: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        steps: Steps,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), norm_weight.node(), norm_bias.node(), weight.node()];
        let (x, factors, weight) = (x.into_primitive(), factors.into_primitive(), weight.into_primitive());
        let (norm_weight, norm_bias) = (norm_weight.into_primitive(), norm_bias.into_primitive());
        match Rectified.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (out, statistics) = B::conv3d_rectified_kept(
                    x.clone(),
                    norm_weight.clone(),
                    norm_bias.clone(),
                    factors.clone(),
                    weight.clone(),
                    steps,
                    options,
                );
                let norm = NormKept { x, weight: norm_weight, bias: norm_bias, factors, statistics, steps };
                prep.finish((norm, weight, options), out)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::conv3d_rectified(x, norm_weight, norm_bias, factors, weight, steps, options))
            }
        }
    }
}

/// The backward pass of one input; keeps input and weights.
#[derive(Debug)]
struct Direct;

impl<B: ConvGradientBackend> Backward<B, 2> for Direct {
    type State = (FloatTensor<B>, FloatTensor<B>, ConvOptions);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [of_x, of_weight] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (x, weight, options) = ops.state;
        let shape = x.shape();
        if let Some(parent) = of_weight {
            let result = B::conv3d_direct_weight(x, gradient.clone(), weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if let Some(parent) = of_x {
            grads.register::<B>(parent.id, B::conv3d_direct_input(gradient, weight, shape, options));
        }
    }
}

/// The backward pass of two inputs; keeps inputs and weights.
#[derive(Debug)]
struct Joined;

impl<B: ConvGradientBackend> Backward<B, 3> for Joined {
    type State = (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, Option<bool>, ConvOptions);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [of_skip, of_below, of_weight] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (skip, below, weight, enlarged, options) = ops.state;
        let shapes = [skip.shape(), below.shape()];
        if let Some(parent) = of_weight {
            let result = B::conv3d_joined_weight(skip, below, gradient.clone(), weight.shape(), enlarged, options);
            grads.register::<B>(parent.id, result);
        }
        if of_skip.is_none() && of_below.is_none() {
            return;
        }
        let (skip, below) = B::conv3d_joined_inputs(gradient, weight, shapes, enlarged, options);
        for (parent, result) in [(of_skip, skip), (of_below, below)] {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, result);
            }
        }
    }
}

/// The backward pass of a normalised input; keeps the input before the norm, and weights.
#[derive(Debug)]
struct Rectified;

impl<B: ConvGradientBackend> Backward<B, 4> for Rectified {
    type State = (NormKept<B>, FloatTensor<B>, ConvOptions);

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let [of_norm @ .., of_weight] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        let (norm, weight, options) = ops.state;
        if let Some(parent) = of_weight {
            let result = B::conv3d_rectified_weight(norm.clone(), gradient.clone(), weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if of_norm.iter().all(Option::is_none) {
            return;
        }
        let gradient = B::conv3d_direct_input(gradient, weight, norm.x.shape(), options);
        let (x, weight, bias) = B::instance_norm_grad(gradient, norm);
        for (parent, result) in of_norm.into_iter().zip([x, weight, bias]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, result);
            }
        }
    }
}
