//! Images and label maps on another grid, as nnU-Net's resampling functions compute them.
//!
//! Sources: nnU-Net v2, `default_resampling.py` and `resample_torch.py`; scikit-image's `resize`; SciPy's `ndimage.zoom`.

mod axis;
mod error;
mod filter;
mod labels;
pub(crate) mod memory;
mod options;
mod plane;
mod spline;
mod torch;

use ndarray::{Array3, Array4, ArrayView4, ArrayViewMut4, Axis};

pub use error::ResampleError;
pub use options::{LabelResampling, LabelResizeRule, Resampling};

use crate::separate_axis;
pub(crate) use torch::Rounding;

/// Resamples an image `[channel, depth, height, width]` to `new_shape` voxels along the last three axes. Spacings are in mm;
/// they decide only whether an axis is resampled apart. Results are independent of the number of threads.
///
/// The image is returned as it is if the shapes are equal, or with [`Resampling::None`].
///
/// # Errors
/// A shape without voxels or too large for memory, a spacing that is not finite and above 0, an order other than 0, 1
/// and 3.
///
/// ```
/// use medseg_nnunet::{Resampling, resample_image};
/// use ndarray::Array4;
///
/// let image = Array4::from_shape_fn((1, 4, 4, 4), |(_, d, h, w)| (d + h + w) as f32);
/// let small = resample_image(&image, [2, 2, 2], [1.0; 3], [2.0; 3], &Resampling::default())?;
/// assert_eq!(small.dim(), (1, 2, 2, 2));
/// // A cubic spline overshoots towards the edges, a linear one does not.
/// let linear = Resampling::Spline { order: 1, order_z: 0, force_separate: None };
/// let small = resample_image(&image, [2, 2, 2], [1.0; 3], [2.0; 3], &linear)?;
/// assert_eq!((small[[0, 0, 0, 0]], small[[0, 1, 1, 1]]), (1.5, 7.5));
/// # Ok::<(), medseg_nnunet::ResampleError>(())
/// ```
pub fn resample_image(
    image: &Array4<f32>,
    new_shape: [usize; 3],
    from_spacing: [f64; 3],
    to_spacing: [f64; 3],
    resampling: &Resampling,
) -> Result<Array4<f32>, ResampleError> {
    memory::check([image.shape(), &new_shape], [from_spacing, to_spacing])?;
    if is_unchanged(image.shape(), new_shape) || *resampling == Resampling::None {
        return Ok(image.clone());
    }
    let [d, h, w] = new_shape;
    let mut out = memory::zeros((image.shape()[0], d, h, w))?;
    resample_image_into(&image.view(), &mut out.view_mut(), from_spacing, to_spacing, resampling)?;
    Ok(out)
}

/// True if the last three axes have these numbers of voxels.
pub(crate) fn is_unchanged(shape: &[usize], new_shape: [usize; 3]) -> bool {
    shape.iter().rev().zip(new_shape.iter().rev()).all(|(old, new)| old == new)
}

/// Resamples each channel into one of `out`, whose shape is the new one.
pub(crate) fn resample_image_into(
    image: &ArrayView4<'_, f32>,
    out: &mut ArrayViewMut4<'_, f32>,
    from_spacing: [f64; 3],
    to_spacing: [f64; 3],
    resampling: &Resampling,
) -> Result<(), ResampleError> {
    memory::check([image.shape(), out.shape()], [from_spacing, to_spacing])?;
    let unchanged = image.shape()[1..] == out.shape()[1..];
    for (channel, mut out) in image.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
        match *resampling {
            _ if unchanged => out.assign(&channel),
            Resampling::None => {
                return Err(ResampleError::NoResampling { from: channel.shape().to_vec(), to: out.shape().to_vec() });
            }
            Resampling::Spline { order, order_z, force_separate } => {
                match separate_axis(from_spacing, to_spacing, force_separate) {
                    Some(along) => spline::resize_slices(&channel, along, (order, order_z), &mut out)?,
                    None => spline::resize(&channel, order, &mut out)?,
                }
            }
            Resampling::Torch { force_separate } => match separate_axis(from_spacing, to_spacing, force_separate) {
                Some(along) => torch::bilinear_slices(&channel, along, &mut out),
                None => torch::trilinear(&channel, &mut out),
            },
        }
    }
    Ok(())
}

/// Resamples a label map `[depth, height, width]` to `new_shape` voxels; -1 is a label like the others. Spacings are in mm;
/// they decide only whether an axis is resampled apart. Results are independent of the number of threads.
///
/// The label map is returned as it is if the shapes are equal, or with [`LabelResampling::None`].
///
/// # Errors
/// A shape without voxels or too large for memory, a spacing that is not finite and above 0, an order other than 0 and 1.
///
/// ```
/// use medseg_nnunet::{LabelResampling, resample_segmentation};
/// use ndarray::Array3;
///
/// let mask = Array3::from_shape_fn((1, 1, 4), |(_, _, w)| if w < 2 { -1 } else { 3 });
/// let fine = resample_segmentation(&mask, [1, 1, 8], [1.0; 3], [1.0, 1.0, 0.5], &LabelResampling::default())?;
/// assert_eq!(fine.as_slice(), Some(&[-1, -1, -1, -1, 3, 3, 3, 3][..]));
/// # Ok::<(), medseg_nnunet::ResampleError>(())
/// ```
pub fn resample_segmentation(
    labels: &Array3<i16>,
    new_shape: [usize; 3],
    from_spacing: [f64; 3],
    to_spacing: [f64; 3],
    resampling: &LabelResampling,
) -> Result<Array3<i16>, ResampleError> {
    memory::check([labels.shape(), &new_shape], [from_spacing, to_spacing])?;
    if is_unchanged(labels.shape(), new_shape) {
        return Ok(labels.clone());
    }
    let along = |force| separate_axis(from_spacing, to_spacing, force);
    let from = labels.view();
    let mut out = memory::zeros(new_shape)?;
    let to = &mut out.view_mut();
    match *resampling {
        LabelResampling::None => return Ok(labels.clone()),
        LabelResampling::Spline { order: order @ 0..=1, force_separate, rule } => {
            labels::resize(&from, &labels::Spline(rule), order, along(force_separate), to);
        }
        LabelResampling::Spline { order, .. } => {
            return Err(ResampleError::Order { order, values: "label maps", available: "0 and 1" });
        }
        LabelResampling::Torch { force_separate, memory_efficient } => {
            labels::resize_torch(&from, &labels::Torch { memory_efficient }, along(force_separate), to);
        }
    }
    Ok(out)
}
