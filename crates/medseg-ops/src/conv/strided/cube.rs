//! The convolutions of any kernel and stride on GPUs, by CubeCL.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn::tensor::ops::ConvOptions as BurnConvOptions;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_data_backward};
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::kernel::{cast, into_contiguous};
use burn_cubecl::ops::{permute, reshape};
use burn_cubecl::tensor::CubeTensor;

use super::extension::{StridedBackend, StridedGradBackend};
use crate::conv::ConvOptions;
use crate::conv::cube::{Order, convolve, rows_of, weight_grad};
use crate::cube::{channels_first, channels_last};

impl StridedBackend for CubeBackend {
    fn conv3d_strided(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions) -> FloatTensor<Self> {
        convolve(x, weight, Order::Forward, options)
    }

    fn conv3d_transposed(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        shape: [usize; 3],
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        let ([batch, _, small @ ..], [_, out_channels, kernel @ ..]) =
            (x.shape().dims::<5>(), weight.shape().dims::<5>());
        let tiled = kernel == options.stride && (0..3).all(|a| shape[a] == small[a] * kernel[a]);
        if tiled && options.padding == [0; 3] {
            return tiles(x, weight);
        }
        let [d, h, w] = shape;
        let dtype = x.dtype;
        let options = BurnConvOptions::new(options.stride, options.padding, [1; 3], 1);
        // One of Burn's ways sums in the type of the tensor.
        let (x, weight) = (cast(x, DType::F32), cast(weight, DType::F32));
        let shape = Shape::new([batch, out_channels, d, h, w]);
        let out = conv_data_backward::<3>(x, weight, shape, options, ConvStrategy::default());
        cast(out.expect("one way takes any"), dtype)
    }
}

impl StridedGradBackend for CubeBackend {
    fn conv3d_strided_weight_grad(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        weight: Shape,
        options: ConvOptions,
    ) -> FloatTensor<Self> {
        weight_grad(x, grad, weight, options)
    }
}

/// The transposed convolution that makes of every voxel a box of its own, as large as the kernel: one matrix product, whose
/// rows are put where they belong.
fn tiles(x: CubeTensor, weight: CubeTensor) -> CubeTensor {
    let ([batch, input, d, h, w], [_, out_channels, depth, height, width]) =
        (x.shape().dims::<5>(), weight.shape().dims::<5>());
    let dtype = x.dtype;
    let x = rows_of(channels_last(x));
    let weight = into_contiguous(permute(cast(weight, dtype), &[0, 2, 3, 4, 1]));
    let weight = reshape(weight, Shape::new([input, depth * height * width * out_channels]));
    let boxes = matmul(x, weight, None, MatmulStrategy::default(), dtype).expect("one way takes any");
    let boxes = reshape(boxes, Shape::new([batch, d, h, w, depth, height, width, out_channels]));
    let placed = into_contiguous(permute(boxes, &[0, 1, 4, 2, 5, 3, 6, 7]));
    channels_first(reshape(placed, Shape::new([batch, d * depth, h * height, w * width, out_channels])))
}
