//! The place of voxels in the patient.

use crate::error::GeometryFault;
use crate::matrix3::{Matrix3, column_norms, determinant, inverse, nearest_rotation};
use crate::{Dhw, NiftiFields, Orientation, VolumeError};

/// A 4×4 matrix, row by row.
pub type Affine = [[f64; 4]; 4];

/// The map from voxels to patient space.
///
/// The affine takes a voxel (i, j, k), the indices along width, height and depth, to RAS+ millimetres: x grows to the
/// patient's right, y to the front, z to the head. A geometry read from a file also carries the file's own header
/// fields, so that a mask saved on it has them bit for bit; they are dropped as soon as the affine changes. Two
/// geometries are equal if their affines are.
///
/// ```
/// use medseg_volume::{Dhw, Geometry};
/// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
/// assert_eq!(geometry.voxel_to_world(Dhw { d: 2.0, h: 0.0, w: 10.0 }), [8.0, 0.0, 10.0]);
/// assert_eq!(geometry.orientation().to_string(), "RAS");
/// # Ok::<(), medseg_volume::VolumeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Geometry {
    affine: Affine,
    /// The inverse of the affine's linear part.
    inverse: Matrix3,
    nifti: Option<NiftiFields>,
}

impl PartialEq for Geometry {
    fn eq(&self, other: &Self) -> bool {
        self.affine == other.affine
    }
}

impl Geometry {
    /// From an affine from voxel (i, j, k) to RAS+ millimetres.
    ///
    /// # Errors
    /// [`VolumeError::Geometry`] if an entry is not finite, the last row is not 0 0 0 1, or the matrix is singular.
    pub fn from_affine(affine: Affine) -> Result<Self, VolumeError> {
        Self::checked(affine).map_err(VolumeError::Geometry)
    }

    pub(crate) fn checked(affine: Affine) -> Result<Self, GeometryFault> {
        if affine.iter().flatten().any(|v| !v.is_finite()) {
            return Err(GeometryFault::NotFinite);
        }
        if affine[3] != [0.0, 0.0, 0.0, 1.0] {
            return Err(GeometryFault::LastRow);
        }
        let linear = linear_part(&affine);
        let scale = column_norms(&linear).iter().product::<f64>();
        let determinant = determinant(&linear);
        // Relative to the voxel's size, so that tiny voxels are not refused and flat ones are.
        if scale == 0.0 || !(determinant / scale).is_finite() || (determinant / scale).abs() < 1e-9 {
            return Err(GeometryFault::Singular);
        }
        Ok(Self { affine, inverse: inverse(&linear), nifti: None })
    }

    /// Axes along the patient's with the first voxel at the origin; millimetres along `[depth, height, width]`.
    ///
    /// # Errors
    /// [`VolumeError::Geometry`] if a spacing is 0 or not finite.
    pub fn from_spacing(spacing: Dhw<f64>) -> Result<Self, VolumeError> {
        Self::from_affine([
            [spacing.w, 0.0, 0.0, 0.0],
            [0.0, spacing.h, 0.0, 0.0],
            [0.0, 0.0, spacing.d, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ])
    }

    /// From the steps along i, j, k and the first voxel in LPS millimetres, DICOM's space.
    pub(crate) fn from_lps(steps: [[f64; 3]; 3], first: [f64; 3]) -> Result<Self, GeometryFault> {
        // x and y point the other way; `+ 0.0` makes -0 a 0.
        let sign = [-1.0, -1.0, 1.0];
        let row = |r: usize| [steps[0][r], steps[1][r], steps[2][r], first[r]].map(|value| sign[r] * value + 0.0);
        Self::checked([row(0), row(1), row(2), [0.0, 0.0, 0.0, 1.0]])
    }

    /// The steps along i, j, k and the first voxel in LPS millimetres.
    pub(crate) fn to_lps(&self) -> ([[f64; 3]; 3], [f64; 3]) {
        let lps = |[x, y, z]: [f64; 3]| [0.0 - x, 0.0 - y, z];
        (self.columns().map(lps), lps(std::array::from_fn(|r| self.affine[r][3])))
    }

    pub(crate) fn with_fields(mut self, fields: NiftiFields) -> Self {
        self.nifti = Some(fields);
        self
    }

    /// The header fields of the NIfTI file this geometry was read from, if it is still that file's.
    #[must_use]
    pub fn nifti_fields(&self) -> Option<&NiftiFields> {
        self.nifti.as_ref()
    }

    /// The affine from voxel (i, j, k) to RAS+ millimetres.
    #[must_use]
    pub fn affine(&self) -> Affine {
        self.affine
    }

    /// The affine from RAS+ millimetres to a voxel (i, j, k).
    ///
    /// ```
    /// use medseg_volume::{Dhw, Geometry};
    /// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.5 })?.cropped(Dhw { d: 1, h: 0, w: 0 });
    /// let [i, .., k, _] = geometry.inverse_affine();
    /// assert_eq!((i, k), ([2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.2, -1.0]));
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn inverse_affine(&self) -> Affine {
        let row = |[x, y, z]: [f64; 3]| {
            [x, y, z, 0.0 - (x * self.affine[0][3] + y * self.affine[1][3] + z * self.affine[2][3])]
        };
        let [i, j, k] = self.inverse.map(row);
        [i, j, k, [0.0, 0.0, 0.0, 1.0]]
    }

    /// Cubic millimetres of a voxel: the affine's determinant without its sign, which a sheared grid's spacings alone
    /// would overstate.
    ///
    /// ```
    /// use medseg_volume::Geometry;
    /// let sheared = Geometry::from_affine([
    ///     [1.0, 0.0, 3.0, 0.0],
    ///     [0.0, 1.0, 0.0, 0.0],
    ///     [0.0, 0.0, 4.0, 0.0],
    ///     [0.0, 0.0, 0.0, 1.0],
    /// ])?;
    /// assert_eq!((sheared.voxel_volume_mm3(), sheared.spacing().d), (4.0, 5.0));
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn voxel_volume_mm3(&self) -> f64 {
        determinant(&linear_part(&self.affine)).abs()
    }

    /// Millimetres between neighbouring voxels along `[depth, height, width]`.
    #[must_use]
    pub fn spacing(&self) -> Dhw<f64> {
        let [i, j, k] = column_norms(&linear_part(&self.affine));
        Dhw { d: k, h: j, w: i }
    }

    /// Millimetres between neighbouring planes of voxels, measured at right angles to them, along `[depth, height, width]`.
    ///
    /// A margin of so many millimetres needs at least so many planes. On a grid whose axes are perpendicular this is the
    /// [`spacing`](Self::spacing), bit for bit; on a sheared one, as of a CT with a tilted gantry, it is less.
    ///
    /// ```
    /// use medseg_volume::Geometry;
    /// let sheared = Geometry::from_affine([
    ///     [1.0, 0.0, 3.0, 0.0],
    ///     [0.0, 1.0, 0.0, 0.0],
    ///     [0.0, 0.0, 4.0, 0.0],
    ///     [0.0, 0.0, 0.0, 1.0],
    /// ])?;
    /// assert_eq!((sheared.spacing().d, sheared.plane_spacing().d), (5.0, 4.0));
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn plane_spacing(&self) -> Dhw<f64> {
        /// Relative difference below which it is the rounding of a header.
        const ROUNDING: f64 = 1e-6;
        let rows = inverse(&linear_part(&self.affine));
        let [i, j, k] = rows.map(|[x, y, z]| 1.0 / (x * x + y * y + z * z).sqrt());
        let planes = Dhw { d: k, h: j, w: i };
        let near = |(plane, voxel): (f64, f64)| if (voxel - plane).abs() <= ROUNDING * voxel { voxel } else { plane };
        planes.zip(self.spacing()).map(near)
    }

    /// Millimetres from outer face to outer face of a grid of `shape` along `[depth, height, width]`.
    ///
    /// ```
    /// use medseg_volume::{Dhw, Geometry};
    /// let geometry = Geometry::from_spacing(Dhw { d: 5.0, h: 0.8, w: 0.8 })?;
    /// assert_eq!(geometry.extent(Dhw::from([40, 500, 500])), Dhw { d: 200.0, h: 400.0, w: 400.0 });
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn extent(&self, shape: Dhw<usize>) -> Dhw<f64> {
        self.spacing().zip(shape).map(|(spacing, voxels)| spacing * voxels as f64)
    }

    /// The largest cosine between two axes, 0 for orthogonal ones.
    #[must_use]
    pub fn skew(&self) -> f64 {
        let columns = self.columns();
        let norms = column_norms(&linear_part(&self.affine));
        let cosine = |a: usize, b: usize| {
            let dot: f64 = columns[a].iter().zip(columns[b]).map(|(a, b)| a * b).sum();
            (dot / (norms[a] * norms[b])).abs()
        };
        cosine(0, 1).max(cosine(0, 2)).max(cosine(1, 2))
    }

    /// The same spacing and first voxel with axes at right angles, the nearest such ones: for tools that cannot have
    /// skewed axes, such as ITK. Voxels far from the first one move; what a gantry tilt sheared stays sheared.
    ///
    /// ```
    /// use medseg_volume::Geometry;
    /// let skewed = Geometry::from_affine([
    ///     [0.8, 0.0, 0.1, 0.0],
    ///     [0.0, 0.8, 0.0, 0.0],
    ///     [0.0, 0.0, 2.0, 0.0],
    ///     [0.0, 0.0, 0.0, 1.0],
    /// ])?;
    /// assert!(skewed.skew() > 0.04 && skewed.orthogonal().skew() < 1e-12);
    /// assert!((skewed.orthogonal().spacing().d - skewed.spacing().d).abs() < 1e-12);
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn orthogonal(&self) -> Self {
        let linear = linear_part(&self.affine);
        let (rotation, norms) = (nearest_rotation(&linear), column_norms(&linear));
        let columns = std::array::from_fn(|c| std::array::from_fn(|r| rotation[r][c] * norms[c]));
        self.with_axes(columns, std::array::from_fn(|r| self.affine[r][3]))
    }

    /// The patient directions that the axes i, j, k point to; for oblique axes the closest ones, as nibabel has it.
    #[must_use]
    pub fn orientation(&self) -> Orientation {
        Orientation::closest(&linear_part(&self.affine))
    }

    /// RAS+ millimetres of a voxel, which may lie between voxels or outside.
    #[must_use]
    pub fn voxel_to_world(&self, voxel: Dhw<f64>) -> [f64; 3] {
        let a = &self.affine;
        std::array::from_fn(|r| a[r][0] * voxel.w + a[r][1] * voxel.h + a[r][2] * voxel.d + a[r][3])
    }

    /// The voxel at RAS+ millimetres, in general between voxels.
    #[must_use]
    pub fn world_to_voxel(&self, world: [f64; 3]) -> Dhw<f64> {
        let from: [f64; 3] = std::array::from_fn(|r| world[r] - self.affine[r][3]);
        let [i, j, k] = self.inverse.map(|row| row[0] * from[0] + row[1] * from[1] + row[2] * from[2]);
        Dhw { d: k, h: j, w: i }
    }

    /// The geometry of a part whose first voxel is `start`; negative starts are padding. Unchanged, with its header
    /// fields, if `start` is 0.
    #[must_use]
    pub fn cropped(&self, start: Dhw<isize>) -> Self {
        if start == Dhw::splat(0) {
            return self.clone();
        }
        self.moved_to(start.map(|v| v as f64), Dhw::splat(1.0))
    }

    /// The geometry of the same physical extent divided into `to` instead of `from` voxels (`align_corners = false`).
    /// Unchanged, with its header fields, if the shapes are equal; 0 voxels count as 1.
    #[must_use]
    pub fn resized(&self, from: Dhw<usize>, to: Dhw<usize>) -> Self {
        if from == to {
            return self.clone();
        }
        let scale = from.zip(to).map(|(f, t)| f.max(1) as f64 / t.max(1) as f64);
        self.moved_to(scale.map(|s| 0.5 * s - 0.5), scale)
    }

    /// True if the voxels of a volume of this shape lie at the same places: none is more than `tolerance_mm` from its
    /// counterpart.
    ///
    /// ```
    /// use medseg_volume::{Dhw, Geometry};
    ///
    /// let [sin, cos] = [0.01f64.sin(), 0.01f64.cos()];
    /// let straight = Geometry::from_spacing(Dhw::splat(1.0))?;
    /// let turned = [[cos, -sin, 0.0, 0.0], [sin, cos, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    /// let turned = Geometry::from_affine(turned)?;
    /// // Half a degree moves the far corner of a small volume little, that of a large one by millimetres.
    /// assert!(straight.same_grid(&turned, Dhw::splat(5), 0.1));
    /// assert!(!straight.same_grid(&turned, Dhw::splat(512), 5.0));
    /// # Ok::<(), medseg_volume::VolumeError>(())
    /// ```
    #[must_use]
    pub fn same_grid(&self, other: &Self, shape: Dhw<usize>, tolerance_mm: f64) -> bool {
        self.largest_distance(other, shape) <= tolerance_mm
    }

    /// The largest distance in millimetres between a voxel of a volume of this shape and its counterpart; 0 without
    /// voxels.
    #[must_use]
    pub fn largest_distance(&self, other: &Self, shape: Dhw<usize>) -> f64 {
        if shape.voxels() == 0 {
            return 0.0;
        }
        // The distance is a convex function of the voxel, so it is largest in a corner.
        let last = shape.map(|length| (length - 1) as f64);
        let corners = (0..8).map(|n| {
            let end = |axis: usize, last: f64| if n >> axis & 1 == 1 { last } else { 0.0 };
            let corner = Dhw { d: end(0, last.d), h: end(1, last.h), w: end(2, last.w) };
            let (a, b) = (self.voxel_to_world(corner), other.voxel_to_world(corner));
            a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
        });
        corners.fold(0.0, f64::max)
    }

    /// The steps along i, j, k in millimetres.
    pub(crate) fn columns(&self) -> [[f64; 3]; 3] {
        std::array::from_fn(|c| std::array::from_fn(|r| self.affine[r][c]))
    }

    /// The steps of this geometry in another order or direction, and another first voxel.
    pub(crate) fn with_axes(&self, columns: [[f64; 3]; 3], origin: [f64; 3]) -> Self {
        let mut affine = self.affine;
        for (r, row) in affine.iter_mut().take(3).enumerate() {
            *row = [columns[0][r], columns[1][r], columns[2][r], origin[r]];
        }
        Self { affine, inverse: inverse(&linear_part(&affine)), nifti: None }
    }

    /// First voxel moved to `origin`, steps scaled.
    fn moved_to(&self, origin: Dhw<f64>, scale: Dhw<f64>) -> Self {
        let mut affine = self.affine;
        let start = self.voxel_to_world(origin);
        let mut inverse = self.inverse;
        for (column, s) in [scale.w, scale.h, scale.d].into_iter().enumerate() {
            for row in affine.iter_mut().take(3) {
                row[column] *= s;
            }
            inverse[column] = inverse[column].map(|v| v / s);
        }
        for (row, value) in affine.iter_mut().zip(start) {
            row[3] = value;
        }
        Self { affine, inverse, nifti: None }
    }
}

fn linear_part(a: &Affine) -> Matrix3 {
    std::array::from_fn(|r| [a[r][0], a[r][1], a[r][2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_affines_are_refused() {
        let identity = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
        for (row, column, value) in [(0, 0, f64::NAN), (1, 3, f64::INFINITY), (2, 2, 0.0), (3, 0, 1.0)] {
            let mut broken = identity;
            broken[row][column] = value;
            assert!(Geometry::from_affine(broken).is_err(), "{row} {column} {value}");
        }
        let tiny = identity.map(|r| r.map(|v| if v == 1.0 { 1e-4 } else { v }));
        let mut tiny = tiny;
        tiny[3][3] = 1.0;
        assert!(Geometry::from_affine(tiny).is_ok());
    }

    #[test]
    fn planes_of_a_turned_grid_are_as_far_apart_as_its_voxels_to_the_last_bit() {
        let (sin, cos) = 0.3_f64.sin_cos();
        let spacing = [0.7_f64, 0.8, 2.5].map(|mm| f64::from(mm as f32));
        let turned = Geometry::from_affine([
            [cos * spacing[0], -sin * spacing[1], 0.0, 1.0],
            [sin * spacing[0], cos * spacing[1], 0.0, 2.0],
            [0.0, 0.0, spacing[2], 3.0],
            [0.0, 0.0, 0.0, 1.0],
        ])
        .unwrap();
        assert_eq!(turned.plane_spacing(), turned.spacing());
    }

    #[test]
    fn cropping_and_resizing_keep_world_points() {
        let g = Geometry::from_affine([
            [-0.8, 0.1, 0.2, 10.0],
            [0.1, 0.7, -0.3, -20.0],
            [0.0, 0.2, 2.5, 30.0],
            [0.0, 0.0, 0.0, 1.0],
        ])
        .unwrap();
        let point = g.voxel_to_world(Dhw { d: 5.0, h: 6.0, w: 7.0 });
        let cropped = g.cropped(Dhw { d: 2, h: -3, w: 4 });
        let near = |a: Dhw<f64>, b: [f64; 3]| a.to_array().iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-9);
        assert!(near(cropped.world_to_voxel(point), [3.0, 9.0, 3.0]));
        let halved = g.resized(Dhw { d: 8, h: 10, w: 12 }, Dhw { d: 4, h: 20, w: 12 });
        // The corner of the first voxel stays where it was.
        let corner = g.voxel_to_world(Dhw::splat(-0.5));
        assert!(near(halved.world_to_voxel(corner), [-0.5, -0.5, -0.5]));
        assert!((halved.spacing().d - 2.0 * g.spacing().d).abs() < 1e-12);
        let shape = Dhw { d: 8, h: 10, w: 12 };
        assert!(g.same_grid(&g.cropped(Dhw::splat(0)), shape, 0.0) && !g.same_grid(&cropped, shape, 1e-3));
    }
}
