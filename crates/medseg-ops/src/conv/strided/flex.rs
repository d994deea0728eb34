//! The kernels on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;

use super::extension::{StridedBackend, StridedGradientBackend};
use crate::conv::ConvOptions;
use crate::conv::kernel::{Geometry, Sink, best_path, strided, strided_weight_gradient, strided_weights, transposed};
use crate::flex_values::{contiguous, tensor, values};
use crate::recycled::Buffer;

impl StridedBackend for Flex {
    fn conv3d_strided(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [batch, _, sides @ ..] = x.layout().shape().dims::<5>();
        let [output, _, kernel @ ..] = weight.layout().shape().dims::<5>();
        let geometry = Geometry::new(sides, kernel, options.stride, options.padding);
        let [d, h, w] = geometry.output;
        let mut out = Buffer::new(batch * output * d * h * w);
        let sink = Sink::new(batch, d * h * w, [(&mut out[..], output)]);
        strided(best_path(), values(&x), &geometry, &strided_weights(values(&weight), output), &sink);
        tensor(out, Shape::new([batch, output, d, h, w]))
    }

    fn conv3d_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        sides: [usize; 3],
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let [batch, ..] = x.layout().shape().dims::<5>();
        let [_, made, kernel @ ..] = weight.layout().shape().dims::<5>();
        let geometry = Geometry::new(sides, kernel, options.stride, options.padding);
        let [d, h, w] = sides;
        let mut out = Buffer::new(batch * made * d * h * w);
        let sink = Sink::new(batch, d * h * w, [(&mut out[..], made)]);
        transposed(best_path(), values(&x), &geometry, values(&weight), &sink);
        tensor(out, Shape::new([batch, made, d, h, w]))
    }
}

impl StridedGradientBackend for Flex {
    fn conv3d_strided_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let (x, gradient) = (contiguous(x), contiguous(gradient));
        let [_, _, sides @ ..] = x.layout().shape().dims::<5>();
        let [output, channels, kernel @ ..] = weight.dims::<5>();
        let geometry = Geometry::new(sides, kernel, options.stride, options.padding);
        let (x, gradient) = (values(&x), values(&gradient));
        let result = strided_weight_gradient(best_path(), x, gradient, &geometry, channels, output);
        tensor(result.into(), weight)
    }
}
