//! The convolutions on Burn's Flex backend.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;

use super::extension::{ConvBackend, ConvGradientBackend};
use super::kernel::{
    Volumes, best_path, conv3, conv3_weight_gradient, flip, pack, pointwise, pointwise_weight_gradient,
};
use crate::flex_values::{contiguous, tensor, values};

impl ConvBackend for Flex {
    fn conv3d_direct(x: FloatTensor<Self>, weight: FloatTensor<Self>, padding: [usize; 3]) -> FloatTensor<Self> {
        let (x, weight) = (contiguous(x), contiguous(weight));
        let volumes = volumes(x.layout().shape());
        let [output, _, kernel, ..] = weight.layout().shape().dims::<5>();
        run(values(&x), volumes, values(&weight), output, kernel, padding)
    }
}

impl ConvGradientBackend for Flex {
    fn conv3d_direct_input(
        gradient: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        input: Shape,
        padding: [usize; 3],
    ) -> FloatTensor<Self> {
        let (gradient, weight) = (contiguous(gradient), contiguous(weight));
        let [output, channels, kernel, ..] = weight.layout().shape().dims::<5>();
        let flipped = flip(values(&weight), output, channels, kernel.pow(3));
        let padding = padding.map(|p| kernel - 1 - p);
        let result = run(values(&gradient), volumes(gradient.layout().shape()), &flipped, channels, kernel, padding);
        debug_assert_eq!(result.layout().shape(), &input);
        result
    }

    fn conv3d_direct_weight(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        weight: Shape,
        padding: [usize; 3],
    ) -> FloatTensor<Self> {
        let (x, gradient) = (contiguous(x), contiguous(gradient));
        let [output, _, kernel, ..] = weight.dims::<5>();
        let volumes = volumes(x.layout().shape());
        let (x, gradient) = (values(&x), values(&gradient));
        let result = if kernel == 1 {
            pointwise_weight_gradient(best_path(), x, volumes, gradient, output)
        } else {
            conv3_weight_gradient(best_path(), x, volumes, gradient, output, padding)
        };
        tensor(result, weight)
    }
}

fn volumes(shape: &Shape) -> Volumes {
    let [batch, channels, d, h, w] = shape.dims();
    Volumes { batch, channels, sides: [d, h, w] }
}

/// One convolution with weights [output, channels, kernel³].
fn run(
    x: &[f32],
    volumes: Volumes,
    weights: &[f32],
    output: usize,
    kernel: usize,
    padding: [usize; 3],
) -> FloatTensor<Flex> {
    let packed = pack(weights, output, volumes.channels, kernel.pow(3));
    let (result, [d, h, w]) = if kernel == 1 {
        (pointwise(best_path(), x, volumes, &packed, output), volumes.sides)
    } else {
        conv3(best_path(), x, volumes, &packed, output, padding)
    };
    tensor(result, Shape::new([volumes.batch, output, d, h, w]))
}
