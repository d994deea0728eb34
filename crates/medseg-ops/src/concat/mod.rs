//! Concatenation of a decoder's two inputs.

#[cfg(feature = "cube")]
mod extension;

use burn::tensor::Tensor;

use crate::upsample::upsample_trilinear2x;

/// The change that makes the second input of [`concat`](fn@concat) and [`conv3d_concat`](crate::conv3d_concat) as large as the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upsample {
    /// It is as large already.
    No,
    /// By [`upsample_trilinear2x`](crate::upsample_trilinear2x).
    Trilinear2x {
        /// True if the corner voxels of both grids coincide.
        align_corners: bool,
    },
}

impl Upsample {
    /// Voxels of the first input along an axis, for each of the second.
    pub(crate) fn factor(self) -> usize {
        match self {
            Self::No => 1,
            Self::Trilinear2x { .. } => 2,
        }
    }

    /// If it upsamples, whether corners are aligned.
    #[cfg(feature = "extension")]
    pub(crate) fn align_corners(self) -> Option<bool> {
        match self {
            Self::No => None,
            Self::Trilinear2x { align_corners } => Some(align_corners),
        }
    }
}

/// `cat([skip, upsampled below], channels)`. On a GPU the upsampled tensor is not made.
///
/// # Shapes
/// - skip: `[batch, a, depth, height, width]`
/// - below: `[batch, b, depth, height, width]`, or half of each side with [`Upsample::Trilinear2x`]
/// - output: `[batch, a + b, depth, height, width]`
///
/// # Panics
/// If the shapes do not fit together.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use medseg_ops::{Upsample, concat};
///
/// let device = Device::flex();
/// let skip = Tensor::<5>::ones([1, 2, 4, 6, 8], &device);
/// let below = Tensor::<5>::ones([1, 3, 2, 3, 4], &device);
/// let both = concat(skip, below, Upsample::Trilinear2x { align_corners: true });
/// assert_eq!(both.dims(), [1, 5, 4, 6, 8]);
/// ```
pub fn concat(skip: Tensor<5>, below: Tensor<5>, upsample: Upsample) -> Tensor<5> {
    check_fit("concat", &skip, &below, upsample);
    #[cfg(feature = "cube")]
    if extension::covers(&skip, &below) {
        use burn::backend::Dispatch;

        use extension::ConcatBackend;
        let (skip, below) = (skip.into_dispatch(), below.into_dispatch());
        return Tensor::from_dispatch(Dispatch::concat(skip, below, upsample.align_corners()));
    }
    let below = match upsample {
        Upsample::No => below,
        Upsample::Trilinear2x { align_corners } => upsample_trilinear2x(below, align_corners),
    };
    Tensor::cat(vec![skip, below], 1)
}

/// True where [`conv3d_concat`](crate::conv3d_concat) of such tensors makes the concatenated one before it convolves: on a
/// GPU. Two convolutions of the same inputs should then share the result of [`concat`](fn@concat).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let skip = Tensor::<5>::ones([1, 2, 4, 4, 4], &Device::flex());
/// assert!(!medseg_ops::conv3d_makes_concat(&skip));
/// ```
#[must_use]
pub fn conv3d_makes_concat(_skip: &Tensor<5>) -> bool {
    #[cfg(feature = "cube")]
    return crate::kernels::kernels(_skip) == Some(crate::kernels::Kernels::Cube);
    #[cfg(not(feature = "cube"))]
    false
}

/// Panics if batch or voxels do not agree.
pub(crate) fn check_fit(name: &str, skip: &Tensor<5>, below: &Tensor<5>, upsample: Upsample) {
    let ([batch, _, shape @ ..], [below_batch, _, small @ ..]) = (skip.dims(), below.dims());
    assert!(
        batch == below_batch && shape == small.map(|length| length * upsample.factor()),
        "{name}: {:?} and {:?} do not fit together with {upsample:?}",
        skip.dims(),
        below.dims()
    );
}
