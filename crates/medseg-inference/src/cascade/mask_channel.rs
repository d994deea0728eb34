//! The coarse mask as the last channel of the fine network's input.

use ndarray::{Array4, ArrayView3, ArrayView4, Axis, s};

/// An image `[channel, depth, height, width]` with a channel behind its own: a mask `[depth, height, width]`, 1 where it is not
/// 0. It is the input of a fine network with [`CascadeConfig::mask_channel`](crate::CascadeConfig::mask_channel).
///
/// ```
/// use medseg_inference::image_and_mask;
/// use ndarray::array;
///
/// let both = image_and_mask(&array![[[[0.5_f32, 0.25]]]].view(), &array![[[0_u8, 7]]].view());
/// assert_eq!(both, array![[[[0.5, 0.25]]], [[[0.0, 1.0]]]]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn image_and_mask(image: &ArrayView4<'_, f32>, mask: &ArrayView3<'_, u8>) -> Array4<f32> {
    let (channels, d, h, w) = image.dim();
    assert_eq!((d, h, w), mask.dim(), "image and mask differ in shape");
    let mut both = Array4::zeros((channels + 1, d, h, w));
    both.slice_mut(s![..channels, .., .., ..]).assign(image);
    both.index_axis_mut(Axis(0), channels).zip_mut_with(mask, |to, label| *to = f32::from(u8::from(*label != 0)));
    both
}
