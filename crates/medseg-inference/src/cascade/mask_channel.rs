//! The coarse mask as a second channel of the fine network's input.

use ndarray::{Array4, ArrayView3, Axis};

/// An image `[depth, height, width]` and a mask of the same shape, 1 where it is not 0, as channels
/// `[2, depth, height, width]`: the input of a fine network with
/// [`CascadeConfig::mask_channel`](crate::CascadeConfig::mask_channel).
///
/// ```
/// use medseg_inference::image_and_mask;
/// use ndarray::array;
///
/// let both = image_and_mask(&array![[[0.5_f32, 0.25]]].view(), &array![[[0_u8, 7]]].view());
/// assert_eq!(both, array![[[[0.5, 0.25]]], [[[0.0, 1.0]]]]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn image_and_mask(image: &ArrayView3<'_, f32>, mask: &ArrayView3<'_, u8>) -> Array4<f32> {
    assert_eq!(image.dim(), mask.dim(), "image and mask differ in shape");
    let (d, h, w) = image.dim();
    let mut both = Array4::zeros((2, d, h, w));
    both.index_axis_mut(Axis(0), 0).assign(image);
    both.index_axis_mut(Axis(0), 1).zip_mut_with(mask, |to, label| *to = f32::from(u8::from(*label != 0)));
    both
}
