//! Voxels with their geometry.

use ndarray::Array3;

use crate::{Dhw, Geometry};

/// A 3D image or mask: an array `[depth, height, width]` in C order (NIfTI's k, j, i), and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume<T> {
    /// The voxels.
    pub data: Array3<T>,
    /// Where they lie.
    pub geometry: Geometry,
}

impl<T> Volume<T> {
    /// Puts voxels and geometry together.
    pub fn new(data: Array3<T>, geometry: Geometry) -> Self {
        Self { data, geometry }
    }

    /// Number of voxels along `[depth, height, width]`.
    pub fn shape(&self) -> Dhw<usize> {
        self.data.dim().into()
    }

    /// Other voxels on the same grid, such as a mask of this image.
    ///
    /// The caller sees to it that `data` has this volume's shape; a different one is another grid.
    pub fn with_data<U>(&self, data: Array3<U>) -> Volume<U> {
        Volume { data, geometry: self.geometry.clone() }
    }

    /// The volume with every voxel mapped.
    pub fn map_data<U>(&self, f: impl FnMut(&T) -> U) -> Volume<U> {
        self.with_data(self.data.map(f))
    }
}
