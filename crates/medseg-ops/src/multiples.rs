//! Images on a grid that a network's strides divide.

use std::ops::Range;

use burn::tensor::Tensor;

/// `x` `[batch, channel, depth, height, width]` with zeros at both ends of each axis, so that sizes are multiples, and the place
/// of `x` in it; an odd voxel goes to the end. If sizes are multiples already, `x` itself.
///
/// ```
/// use burn::tensor::{Device, Tensor};
///
/// let x = Tensor::<5>::ones([1, 1, 4, 5, 8], &Device::flex());
/// let (padded, inside) = medseg_ops::pad_to_multiples(x, [4, 4, 4]);
/// assert_eq!(padded.dims(), [1, 1, 4, 8, 8]);
/// assert_eq!(inside, Some([0..4, 1..6, 0..8]));
/// ```
///
/// # Panics
/// If a multiple is 0.
#[must_use]
pub fn pad_to_multiples(x: Tensor<5>, multiple: [usize; 3]) -> (Tensor<5>, Option<[Range<usize>; 3]>) {
    let [batch, channels, sizes @ ..] = x.dims();
    let padded @ [d, h, w] = [0, 1, 2].map(|axis| sizes[axis].next_multiple_of(multiple[axis]));
    if padded == sizes {
        return (x, None);
    }
    let inside = [0, 1, 2].map(|axis| {
        let low = (padded[axis] - sizes[axis]) / 2;
        low..low + sizes[axis]
    });
    let [z, y, x_range] = inside.clone();
    let zeros = Tensor::<5>::zeros([batch, channels, d, h, w], (&x.device(), x.dtype()));
    (zeros.slice_assign([0..batch, 0..channels, z, y, x_range], x), Some(inside))
}
