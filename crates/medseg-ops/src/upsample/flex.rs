//! Trilinear upsampling on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use medseg_kernels::memory::Buffer;

use super::extension::{UpsampleBackend, UpsampleGradBackend};
use crate::flex_values::{contiguous, tensor, values};

impl UpsampleBackend for Flex {
    fn upsample_trilinear2x(x: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let x = contiguous(x);
        let [batch, channels, shape @ ..] = x.layout().shape().dims::<5>();
        let [d, h, w] = shape.map(|size| 2 * size);
        let mut out = Buffer::new(batch * channels * d * h * w);
        medseg_kernels::upsample_trilinear2x(values(&x), shape, align_corners, &mut out);
        tensor(out, Shape::new([batch, channels, d, h, w]))
    }
}

impl UpsampleGradBackend for Flex {
    fn upsample_trilinear2x_grad(grad: FloatTensor<Self>, align_corners: bool) -> FloatTensor<Self> {
        let grad = contiguous(grad);
        let [batch, channels, shape @ ..] = grad.layout().shape().dims::<5>();
        let [d, h, w] = shape.map(|size| size / 2);
        let mut out = Buffer::new(batch * channels * d * h * w);
        medseg_kernels::upsample_trilinear2x_grad(values(&grad), [d, h, w], align_corners, &mut out);
        tensor(out, Shape::new([batch, channels, d, h, w]))
    }
}
