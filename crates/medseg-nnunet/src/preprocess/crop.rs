//! The region of an image that is not 0.

use medseg_transforms::{Connectivity, fill_holes};
use ndarray::{Array3, ArrayView4, Axis, Zip};
use rayon::prelude::*;

use crate::ResampleError;
use crate::resample::memory;

/// A box of voxels `[depth, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CropBox {
    /// The first voxel.
    pub start: [usize; 3],
    /// The number of voxels.
    pub size: [usize; 3],
}

impl CropBox {
    /// True if the box is all of an array of this shape.
    pub(super) fn is_whole(&self, shape: [usize; 3]) -> bool {
        self.start == [0; 3] && self.size == shape
    }

    /// The box as ranges of one axis each.
    pub(crate) fn range(&self, axis: usize) -> std::ops::Range<usize> {
        self.start[axis]..self.start[axis] + self.size[axis]
    }
}

/// 1 where any channel is not 0 and where such voxels enclose others in 3D, by faces.
pub(super) fn non_zero(image: &ArrayView4<'_, f32>) -> Result<Array3<u8>, ResampleError> {
    let (_, d, h, w) = image.dim();
    let mut mask: Array3<u8> = memory::zeros((d, h, w))?;
    for channel in image.axis_iter(Axis(0)) {
        Zip::from(&mut mask).and(&channel).par_for_each(|inside, value| *inside |= u8::from(*value != 0.0));
    }
    fill_holes(&mut mask, Connectivity::Face);
    Ok(mask)
}

/// The smallest box with all voxels of a mask; the whole for a mask of 0.
pub(super) fn bounding_box(mask: &Array3<u8>) -> CropBox {
    let shape: [usize; 3] = mask.dim().into();
    let mut at = CropBox { start: [0; 3], size: shape };
    // The extents along one axis after the other, within those already found.
    let slices = |mask: &ndarray::ArrayView3<'_, u8>, axis: usize| -> Vec<bool> {
        mask.axis_iter(Axis(axis)).into_par_iter().map(|slice| slice.iter().any(|inside| *inside != 0)).collect()
    };
    let mut inside = mask.view();
    for axis in 0..3 {
        let slices = slices(&inside, axis);
        let (Some(first), Some(last)) = (slices.iter().position(|any| *any), slices.iter().rposition(|any| *any))
        else {
            return CropBox { start: [0; 3], size: shape };
        };
        at.start[axis] = first;
        at.size[axis] = last + 1 - first;
        inside.slice_axis_inplace(Axis(axis), ndarray::Slice::from(first..last + 1));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        let mut image = ndarray::Array4::<f32>::zeros((2, 5, 6, 7));
        image.slice_mut(ndarray::s![0, 1..4, 1..4, 1..4]).fill(-2.0);
        image[[0, 2, 2, 2]] = 0.0;
        image[[0, 1, 1, 2]] = 0.0;
        image[[1, 2, 3, 5]] = f32::NAN;
        let mask = non_zero(&image.view()).unwrap();
        assert_eq!((mask[[2, 2, 2]], mask[[1, 1, 2]], mask[[2, 3, 5]]), (1, 0, 1));
        assert_eq!(bounding_box(&mask), CropBox { start: [1, 1, 1], size: [3, 3, 5] });
    }

    #[test]
    fn an_image_of_zeros_is_not_cropped() {
        let mask = Array3::zeros((2, 3, 4));
        assert!(bounding_box(&mask).is_whole([2, 3, 4]));
    }
}
