//! Voxels with their geometry.

use ndarray::Array3;

use crate::{Dhw, Geometry};

/// A 3D image or mask: an array `[depth, height, width]` in C order (NIfTI's k, j, i), and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume<T> {
    /// The voxels.
    pub data: Array3<T>,
    /// Their place in the patient.
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
    /// # Panics
    /// If `data` has another shape: that is another grid.
    #[must_use]
    pub fn with_data<U>(&self, data: Array3<U>) -> Volume<U> {
        assert_eq!(Dhw::from(data.dim()), self.shape(), "voxels on the grid of a volume have its shape");
        Volume { data, geometry: self.geometry.clone() }
    }

    /// The volume with every voxel mapped.
    pub fn map_data<U>(&self, f: impl FnMut(&T) -> U) -> Volume<U> {
        self.with_data(self.data.map(f))
    }
}
