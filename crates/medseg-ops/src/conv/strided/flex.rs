//! The convolutions of any kernel and stride on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use medseg_kernels::Conv3d;
use medseg_kernels::conv::{Algorithm, Sink};
use medseg_kernels::memory::Buffer;

use super::extension::{StridedBackend, StridedGradBackend};
use crate::conv::ConvOptions;
use crate::conv::flex::{conv, forward, source};
use crate::flex_values::{contiguous, tensor, values};

impl StridedBackend for Flex {
    fn conv3d_strided(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let (x, weight) = (contiguous(x), contiguous(weight));
        forward(&direct(weight.layout().shape(), options), &source(&x), &weight)
    }

    fn conv3d_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: [usize; 3],
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [batch, ..] = x.layout().shape().dims::<5>();
        let [_, out_channels, ..] = weight.layout().shape().dims::<5>();
        let [d, h, w] = shape;
        let mut out = Buffer::new(batch * out_channels * d * h * w);
        let sink = Sink::new(&mut out, batch, out_channels, d * h * w);
        direct(weight.layout().shape(), options).input_grad(values(&x), values(&weight), shape, &sink);
        tensor(out, Shape::new([batch, out_channels, d, h, w]))
    }
}

impl StridedGradBackend for Flex {
    fn conv3d_strided_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (x, grad) = (contiguous(x), contiguous(grad));
        tensor(direct(&weight, options).weight_grad(&source(&x), values(&grad)).into(), weight)
    }
}

/// The kernel for weights of this shape; by one algorithm in every pass, whatever the stride.
fn direct(weight: &Shape, options: ConvOptions) -> Conv3d {
    conv(weight, options).with_algorithm(Algorithm::Direct)
}
