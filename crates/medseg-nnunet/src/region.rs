//! A part of the image outside of which windows are left out.

use ndarray::{Array3, ArrayView3, Axis};

use crate::preprocess::Properties;

/// A region on the cropped image, with the axes of the network.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    inside: Array3<bool>,
    /// Shape of the network's grid.
    grid: [usize; 3],
}

impl Region {
    /// The region of a mask on the image's grid, with the reader's axes: its voxels that are not 0.
    pub fn new(mask: &ArrayView3<'_, i16>, properties: &Properties, grid: [usize; 3]) -> Self {
        let backward = properties.transpose_backward;
        let forward = [0, 1, 2].map(|axis| backward.iter().position(|at| *at == axis).unwrap_or(axis));
        let mut inside = mask.view().permuted_axes(forward);
        for axis in 0..3 {
            inside.slice_axis_inplace(Axis(axis), properties.crop.range(axis).into());
        }
        Self { inside: inside.mapv(|label| label != 0), grid }
    }

    /// True if a box of the network's grid touches the region, or may do so by a voxel at its faces.
    pub fn touches(&self, first: [isize; 3], size: [usize; 3]) -> bool {
        let mut part = self.inside.view();
        for axis in 0..3 {
            let (grid, voxels) = (self.grid[axis] as f64, part.len_of(Axis(axis)));
            let at = |position: f64| (position * voxels as f64 / grid).clamp(0.0, voxels as f64);
            let start = at(first[axis] as f64).floor() as usize;
            let end = at(first[axis] as f64 + size[axis] as f64).ceil() as usize;
            let range = start.saturating_sub(1)..(end + 1).min(voxels);
            part.slice_axis_inplace(Axis(axis), range.into());
        }
        part.iter().any(|inside| *inside)
    }
}
