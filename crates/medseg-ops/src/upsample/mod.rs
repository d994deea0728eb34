//! Trilinear upsampling to twice the size.

pub(crate) mod composed;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "extension")]
mod extension;
#[cfg(feature = "flex")]
mod flex;

use burn::tensor::Tensor;

/// Doubles depth, height and width of `x` `[batch, channel, depth, height, width]` by trilinear interpolation.
///
/// With `align_corners` the corner voxels of input and output coincide: output voxel `o` of an axis of `n` voxels lies
/// at `o (n - 1) / (2 n - 1)`. Without, both grids cover the same extent: it lies at `(o + 1/2) / 2 - 1/2`, held at 0
/// below. Shapes of one voxel are repeated. The same as PyTorch's `Upsample(scale_factor=2, mode="trilinear")`.
///
/// # Panics
/// When an axis has no voxels.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// let x = Tensor::<1>::from_floats([0.0, 3.0], &Device::flex()).reshape([1, 1, 1, 1, 2]);
/// let y = medseg_ops::upsample_trilinear2x(x, true);
/// assert_eq!(y.dims(), [1, 1, 2, 2, 4]);
/// let row: Vec<f32> = y.into_data().try_to_vec().unwrap();
/// assert!(row[..4].iter().zip([0.0, 1.0, 2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-6));
/// ```
pub fn upsample_trilinear2x(x: Tensor<5>, align_corners: bool) -> Tensor<5> {
    #[cfg(feature = "extension")]
    if extension::covers(&x) {
        return extension::upsample_trilinear2x(x, align_corners);
    }
    composed::upsample_trilinear2x(x, align_corners)
}
