//! Images on a grid that a network's strides divide.

use std::ops::Range;

use burn::tensor::Tensor;

/// x with zeros at both ends of each axis, an odd voxel at the end, and the place of x in it; x itself if sizes fit.
pub(crate) fn to_multiples(x: Tensor<5>, multiple: [usize; 3]) -> (Tensor<5>, Option<[Range<usize>; 3]>) {
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
