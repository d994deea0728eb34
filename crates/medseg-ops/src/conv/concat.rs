//! Convolution of a decoder's two inputs.

#[cfg(feature = "extension")]
use burn::tensor::DType;
use burn::tensor::Tensor;

use super::ConvOptions;
use crate::concat::{Upsample, check_fit, concat};

/// `conv3d(cat([skip, upsampled below], channels), weight, None, options)`, the first step of a U-Net's decoder level.
///
/// On the CPU neither the upsampled nor the concatenated tensor is made: the convolution reads both inputs where they are, and
/// the backward pass keeps them alone. On a GPU the concatenated tensor is made in one pass, and made again by the backward pass,
/// which keeps the two inputs alone too; two convolutions of the same inputs share that of [`concat`](fn@crate::concat).
/// That holds for kernels 1×1×1 and 3×3×3 with stride 1; others are the operations one after the other.
///
/// # Shapes
/// - skip: `[batch, a, depth, height, width]`
/// - below: `[batch, b, depth, height, width]`, or half of each side with [`Upsample::Trilinear2x`]
/// - weight: `[out, a + b, kernel depth, kernel height, kernel width]`
///
/// # Panics
/// If the shapes do not fit together.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{ConvOptions, Upsample, conv3d_concat};
///
/// let device = Device::flex();
/// let skip = Tensor::<5>::ones([1, 2, 4, 6, 8], &device);
/// let below = Tensor::<5>::ones([1, 3, 2, 3, 4], &device);
/// let weight = Tensor::<5>::ones([7, 5, 3, 3, 3], &device);
/// let options = ConvOptions { padding: [1; 3], ..ConvOptions::default() };
/// let y = conv3d_concat(skip, below, weight, Upsample::Trilinear2x { align_corners: true }, options);
/// assert_eq!(y.dims(), [1, 7, 4, 6, 8]);
/// ```
pub fn conv3d_concat(
    skip: Tensor<5>,
    below: Tensor<5>,
    weight: Tensor<5>,
    upsample: Upsample,
    options: ConvOptions,
) -> Tensor<5> {
    check_fit("conv3d_concat", &skip, &below, upsample);
    let ([_, a, shape @ ..], [_, b, ..]) = (skip.dims(), below.dims());
    super::check_fit("conv3d_concat", shape, &weight, options);
    super::check_channels("conv3d_concat", a + b, weight.dims()[1], weight.dims()[0], None);
    #[cfg(feature = "extension")]
    if super::extension::covers(&[&skip, &below], &weight, options) {
        use burn::backend::Dispatch;

        use super::extension::ConvBackend;
        let weight = weight.cast(DType::F32).into_dispatch();
        let (skip, below) = (skip.into_dispatch(), below.into_dispatch());
        return Tensor::from_dispatch(Dispatch::conv3d_concat(skip, below, weight, upsample.align_corners(), options));
    }
    // Another kernel or stride may still be one that `conv3d` has a kernel for.
    super::conv3d(concat(skip, below, upsample), weight, None, options)
}
