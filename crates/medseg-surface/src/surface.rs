//! Triangles around a label.

use medseg_volume::Volume;

use crate::SurfaceError;
use crate::march::march;

/// A closed surface of triangles in RAS millimetres.
///
/// Every edge belongs to two triangles, which pass it in opposite directions. Seen from outside, the vertices of a triangle
/// run anticlockwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Surface {
    pub(crate) vertices: Vec<[f64; 3]>,
    pub(crate) triangles: Vec<[u32; 3]>,
}

impl Surface {
    /// The surface around the voxels that have a value, which may be several pieces.
    ///
    /// The order of vertices and triangles follows from the array alone.
    ///
    /// # Errors
    /// [`SurfaceError::Empty`] if no voxel has it; [`SurfaceError::Large`] for more than 2³² − 1 vertices.
    ///
    /// ```
    /// use medseg_surface::Surface;
    /// use medseg_volume::{Dhw, Geometry, Volume, ndarray::Array3};
    /// let geometry = Geometry::from_spacing(Dhw::splat(2.0))?;
    /// let voxel = Volume::new(Array3::from_elem((1, 1, 1), 7_u8), geometry);
    /// let octahedron = Surface::of_label(&voxel, &7)?;
    /// assert_eq!((octahedron.vertices().len(), octahedron.triangles().len()), (6, 8));
    /// assert!((octahedron.volume_mm3() - 8.0 / 6.0).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_label<T: PartialEq>(mask: &Volume<T>, label: &T) -> Result<Self, SurfaceError> {
        let (grid_vertices, mut triangles) = march(&mask.data.view(), label)?;
        let vertices = grid_vertices.into_iter().map(|voxel| mask.geometry.voxel_to_world(voxel)).collect();
        if is_left_handed(&mask.geometry.affine()) {
            triangles.iter_mut().for_each(|triangle| triangle.swap(1, 2));
        }
        Ok(Self { vertices, triangles })
    }

    /// The vertices in RAS millimetres.
    #[must_use]
    pub fn vertices(&self) -> &[[f64; 3]] {
        &self.vertices
    }

    /// The places of each triangle's vertices among [`vertices`](Self::vertices), anticlockwise seen from outside.
    #[must_use]
    pub fn triangles(&self) -> &[[u32; 3]] {
        &self.triangles
    }

    /// The corners of a triangle.
    pub(crate) fn corners(&self, triangle: &[u32; 3]) -> [[f64; 3]; 3] {
        triangle.map(|vertex| self.vertices[vertex as usize])
    }
}

/// True if the axes i, j, k of an affine turn the other way than those of the patient, which mirrors triangles.
fn is_left_handed(a: &medseg_volume::Affine) -> bool {
    let minor = |c: usize, d: usize| a[1][c] * a[2][d] - a[1][d] * a[2][c];
    a[0][0] * minor(1, 2) - a[0][1] * minor(0, 2) + a[0][2] * minor(0, 1) < 0.0
}
