//! A Burn backend extension with its own backward passes.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops},
};
#[cfg(feature = "fusion")]
use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, TensorMetadata, backend_extension};
#[cfg(feature = "fusion")]
use burn::tensor::DType;
use burn::tensor::{Shape, Tensor};

use crate::checkpoints::retrieved;
use crate::conv::ConvOptions;
#[cfg(feature = "fusion")]
use crate::conv::tracked::output;
use crate::conv::tracked::{ConvSaved, tracked};
use crate::kernels::kernels;

/// True if there are kernels that take these tensors, whose shapes fit together.
pub(in super::super) fn covers(x: &Tensor<5>, weight: &Tensor<5>) -> bool {
    let something = |x: &Tensor<5>| x.dims().iter().all(|length| *length > 0);
    something(x) && something(weight) && kernels(x).is_some() && kernels(x) == kernels(weight)
}

/// Backends that convolve with any kernel and stride. Weights are f32; the result has the type of x.
#[backend_extension(Autodiff, Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait StridedBackend: Backend {
    /// The convolution with weights `[out, in, kernel]`.
    #[fusion(meta = output)]
    fn conv3d_strided(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self>;

    /// The transposed convolution with weights `[in, out, kernel]` that makes `shape`.
    #[fusion(meta = |x, weight, shape, _options| transposed_output(x, weight, shape))]
    fn conv3d_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: [usize; 3],
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

/// Output of a transposed convolution.
#[cfg(feature = "fusion")]
fn transposed_output(x: &TensorSpec, weight: &TensorSpec, [d, h, w]: &[usize; 3]) -> TensorSpec {
    let ([batch, ..], [_, out_channels, ..]) = (x.shape.dims::<5>(), weight.shape.dims::<5>());
    TensorSpec::new(Shape::new([batch, out_channels, *d, *h, *w]), x.dtype)
}

/// Backends that know the gradients too: each of the two operations is the gradient of the other's input. Those of weights
/// are f32.
#[backend_extension(Flex: cfg(feature = "flex"), Cube: cfg(feature = "cube"), Fusion: cfg(feature = "fusion"))]
pub trait StridedGradBackend: StridedBackend {
    /// Gradient of the convolution's weights of shape `weight`.
    #[fusion(meta = |_x, _grad, weight, _options| TensorSpec::new(weight.clone(), DType::F32))]
    fn conv3d_strided_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self>;
}

impl<B: StridedGradBackend, C: CheckpointStrategy> StridedBackend for Autodiff<B, C> {
    fn conv3d_strided(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        tracked::<B, C, _>(Strided, x, weight, options, |x, weight| B::conv3d_strided(x, weight, options))
    }

    fn conv3d_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: [usize; 3],
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        tracked::<B, C, _>(Transposed, x, weight, options, |x, weight| B::conv3d_transposed(x, weight, shape, options))
    }
}

/// The backward pass of the convolution.
#[derive(Debug)]
struct Strided;

impl<B: StridedGradBackend> Backward<B, 2> for Strided {
    type State = ConvSaved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [of_x, of_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ConvSaved { x, shape, weight, options } = ops.state;
        if let Some((parent, x)) = of_weight.zip(x) {
            let x = retrieved::<B>(checkpointer, x);
            let result = B::conv3d_strided_weight_grad(x, grad.clone(), weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if let Some(parent) = of_x {
            let [_, _, shape @ ..] = shape.dims::<5>();
            grads.register::<B>(parent.id, B::conv3d_transposed(grad, weight, shape, options));
        }
    }
}

/// The backward pass of the transposed convolution.
#[derive(Debug)]
struct Transposed;

impl<B: StridedGradBackend> Backward<B, 2> for Transposed {
    type State = ConvSaved<B>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [of_x, of_weight] = ops.parents;
        let grad = grads.consume::<B>(&ops.node);
        let ConvSaved { x, weight, options, .. } = ops.state;
        if let Some((parent, x)) = of_weight.zip(x) {
            let x = retrieved::<B>(checkpointer, x);
            let result = B::conv3d_strided_weight_grad(grad.clone(), x, weight.shape(), options);
            grads.register::<B>(parent.id, result);
        }
        if let Some(parent) = of_x {
            grads.register::<B>(parent.id, B::conv3d_strided(grad, weight, options));
        }
    }
}
