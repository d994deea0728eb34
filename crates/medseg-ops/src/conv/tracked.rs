//! Convolutions of one input under autodiff: the state that their backward passes need.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::strategy::CheckpointStrategy,
    ops::{Backward, OpsKind},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata};
use burn::tensor::Shape;

use super::ConvOptions;

/// Saved for the backward pass of a convolution.
#[derive(Clone, Debug)]
pub(super) struct ConvSaved<B: Backend> {
    /// The input, if the weights have a gradient.
    pub(super) x: Option<NodeId>,
    /// The input's shape.
    pub(super) shape: Shape,
    pub(super) weight: FloatTensor<B>,
    pub(super) options: ConvOptions,
}

/// A convolution of one input, with what its backward pass needs.
pub(super) fn tracked<B: Backend, C: CheckpointStrategy, K: Backward<B, 2, State = ConvSaved<B>>>(
    kind: K,
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    options: ConvOptions,
    convolve: impl FnOnce(FloatTensor<B>, FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match kind.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful() {
        OpsKind::Tracked(mut prep) => {
            let of_x = weight.is_tracked().then(|| prep.checkpoint(&x));
            let (x, weight) = (x.into_primitive(), weight.into_primitive());
            let saved = ConvSaved { x: of_x, shape: x.shape(), weight: weight.clone(), options };
            prep.finish(saved, convolve(x, weight))
        }
        OpsKind::UnTracked(prep) => prep.finish(convolve(x.into_primitive(), weight.into_primitive())),
    }
}

/// Output of a convolution of x.
#[cfg(feature = "fusion")]
pub(super) fn output(x: &TensorSpec, weight: &TensorSpec, options: &ConvOptions) -> TensorSpec {
    let ([batch, _, shape @ ..], [out, _, kernel @ ..]) = (x.shape.dims::<5>(), weight.shape.dims::<5>());
    let [d, h, w] = options.output_shape(shape, kernel);
    TensorSpec::new(Shape::new([batch, out, d, h, w]), x.dtype)
}
