//! Max-pooling on Burn's Flex backend.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Bytes, Flex};
use burn::tensor::{DType, Shape};
use burn_flex::{FlexTensor, Layout};
use medseg_kernels::MaxPool3d;
use medseg_kernels::memory::Buffer;

use super::extension::{PoolBackend, PoolGradBackend};
use crate::flex_values::{contiguous, tensor, values};

impl PoolBackend for Flex {
    fn max_pool3d(x: FloatTensor<Self>, window: MaxPool3d) -> FloatTensor<Self> {
        let x = contiguous(x);
        let (shape, output) = shapes(&x, window);
        let mut out = Buffer::new(output.num_elements());
        window.forward(values(&x), shape, &mut out);
        tensor(out, output)
    }
}

impl PoolGradBackend for Flex {
    fn max_pool3d_indexed(x: FloatTensor<Self>, window: MaxPool3d) -> (FloatTensor<Self>, IntTensor<Self>) {
        let x = contiguous(x);
        let (shape, output) = shapes(&x, window);
        let mut out = Buffer::new(output.num_elements());
        let mut index = vec![0u8; out.len()];
        window.forward_indexed(values(&x), shape, &mut out, &mut index);
        let index = FlexTensor::new(Bytes::from_elems(index), Layout::contiguous(output.clone()), DType::U8);
        (tensor(out, output), index)
    }

    fn max_pool3d_grad(
        grad: FloatTensor<Self>,
        index: IntTensor<Self>,
        input: Shape,
        window: MaxPool3d,
    ) -> FloatTensor<Self> {
        let grad = contiguous(grad);
        let [_, _, shape @ ..] = input.dims::<5>();
        let mut out = Buffer::new(input.num_elements());
        // Made by `max_pool3d_indexed`, so contiguous and alone in its buffer.
        window.input_grad(values(&grad), index.storage::<u8>(), shape, &mut out);
        tensor(out, input)
    }
}

/// Shape of a channel of `x`, and the output's shape.
fn shapes(x: &FlexTensor, window: MaxPool3d) -> ([usize; 3], Shape) {
    let [batch, channels, shape @ ..] = x.layout().shape().dims::<5>();
    let [d, h, w] = window.output_shape(shape);
    (shape, Shape::new([batch, channels, d, h, w]))
}
