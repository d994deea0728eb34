//! The lattice on which voxels lie, in millimetres.

use medseg_volume::Geometry;
use serde::{Deserialize, Serialize};

use crate::oblique_frame::ObliqueFrame;
use crate::{Dhw, MetricsError};

/// Cubic millimetres in a millilitre.
const MM3_PER_ML: f64 = 1000.0;

/// Largest cosine between two axes that count as perpendicular.
const PERPENDICULAR_COSINE: f64 = 1e-4;

/// Smallest voxel volume, as a share of the product of the three lengths; [`Geometry`] refuses the same affines.
const SMALLEST_VOLUME_SHARE: f64 = 1e-9;

/// The steps in millimetres from a voxel to its neighbours along depth, height and width.
///
/// Three vectors, in this order, say where the voxel centres lie; the first voxel's place plays no part. They are
/// columns k, j and i of an affine. A [`Dhw`] of spacings is a grid of perpendicular axes, and so is the grid of most affines.
/// A CT gantry tilt shears the grid: each slice is shifted against the one before.
///
/// ```
/// use medseg_metrics::{Dhw, SurfaceDistances, VoxelGrid};
/// use ndarray::Array3;
///
/// // Slices 3 mm apart, each shifted by 1.4 mm along the height axis.
/// let grid = VoxelGrid::from_vectors([[0.0, 1.4, 3.0], [0.0, 2.0, 0.0], [2.0, 0.0, 0.0]])?;
/// assert!(!grid.is_perpendicular());
/// assert!((grid.voxel_volume_mm3() - 12.0).abs() < 1e-12);
///
/// let (mut a, mut b) = (Array3::<u8>::zeros((4, 8, 1)), Array3::<u8>::zeros((4, 8, 1)));
/// (a[[0, 4, 0]], b[[3, 0, 0]]) = (1, 1);
/// let distance = SurfaceDistances::new(a.view(), b.view(), grid)?.hausdorff();
/// assert!((distance - 9_f64.hypot(3.0 * 1.4 - 4.0 * 2.0)).abs() < 1e-12);
///
/// let perpendicular = VoxelGrid::from(Dhw::from([3.0, 2.0, 2.0]));
/// assert!(perpendicular.is_perpendicular());
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
///
/// Serialised as the three vectors, and checked when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[[f64; 3]; 3]", into = "[[f64; 3]; 3]")]
pub struct VoxelGrid {
    vectors: [[f64; 3]; 3],
    /// Lengths of the vectors, or the spacing that the grid was made from.
    spacing: [f64; 3],
    perpendicular: bool,
}

/// A grid whose numbers were checked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValidGrid {
    /// Perpendicular axes with this spacing in mm along depth, height and width.
    Perpendicular([f64; 3]),
    /// Axes that are not perpendicular.
    Oblique(ObliqueFrame),
}

impl VoxelGrid {
    /// From the vectors in mm from a voxel to the next one along depth, height and width, in this order.
    ///
    /// The three coordinates may be those of any orthonormal frame: a rotation or a reflection changes no score.
    ///
    /// # Errors
    /// [`MetricsError::InvalidGrid`] if an entry is not finite, a vector has no length, or the three lie in a plane:
    /// the voxel volume is below 1e-9 of the product of the lengths.
    pub fn from_vectors(vectors: [[f64; 3]; 3]) -> Result<Self, MetricsError> {
        let grid = Self::unchecked(vectors, vectors.map(length));
        grid.validate().map_err(|_| MetricsError::InvalidGrid(vectors))?;
        Ok(grid)
    }

    fn unchecked(vectors: [[f64; 3]; 3], spacing: [f64; 3]) -> Self {
        let far_from_right_angle =
            |a: usize, b: usize| dot(vectors[a], vectors[b]).abs() > PERPENDICULAR_COSINE * spacing[a] * spacing[b];
        let perpendicular = ![(0, 1), (0, 2), (1, 2)].into_iter().any(|(a, b)| far_from_right_angle(a, b));
        Self { vectors, spacing, perpendicular }
    }

    /// The vectors in mm from a voxel to the next one along depth, height and width.
    #[must_use]
    pub fn vectors(&self) -> [[f64; 3]; 3] {
        self.vectors
    }

    /// Millimetres between neighbouring voxel centres along each axis: the lengths of the vectors.
    #[must_use]
    pub fn spacing(&self) -> Dhw<f64> {
        Dhw::from(self.spacing)
    }

    /// Volume of a voxel in mm³: the determinant of the three vectors without its sign.
    ///
    /// For [perpendicular](Self::is_perpendicular) axes the product of the spacings, which is the same within 2e-8 of it.
    #[must_use]
    pub fn voxel_volume_mm3(&self) -> f64 {
        if self.perpendicular {
            return self.spacing.iter().product();
        }
        let [d, h, w] = self.vectors;
        dot(d, cross(h, w)).abs()
    }

    /// True if the cosine between any two axes is at most 1e-4, an angle of 0.006 degrees.
    ///
    /// Scores then come from the lengths alone. That moves a distance by at most 1e-4 of itself; rounding an oblique
    /// scan's affine to `f32` gives cosines near 1e-7. A gantry tilt of 0.1 degrees gives 2e-3.
    #[must_use]
    pub fn is_perpendicular(&self) -> bool {
        self.perpendicular
    }

    /// The grid as the functions of this crate use it.
    pub(crate) fn validate(&self) -> Result<ValidGrid, MetricsError> {
        if !self.spacing.iter().all(|mm| mm.is_finite() && *mm > 0.0) {
            return Err(MetricsError::InvalidSpacing(self.spacing));
        }
        if self.perpendicular {
            return Ok(ValidGrid::Perpendicular(self.spacing));
        }
        let share = self.voxel_volume_mm3() / self.spacing.iter().product::<f64>();
        // Also false for NaN, from lengths whose product is beyond the range of f64.
        if share >= SMALLEST_VOLUME_SHARE {
            Ok(ValidGrid::Oblique(ObliqueFrame::new(self.vectors)))
        } else {
            Err(MetricsError::InvalidGrid(self.vectors))
        }
    }

    /// Volume of so many voxels in millilitres.
    pub(crate) fn volume_ml(&self, voxels: u64) -> Result<f64, MetricsError> {
        self.validate()?;
        Ok(voxels as f64 * (self.voxel_volume_mm3() / MM3_PER_ML))
    }
}

impl From<Dhw<f64>> for VoxelGrid {
    /// Perpendicular axes with this spacing in mm. Checked by the function that takes the grid:
    /// [`MetricsError::InvalidSpacing`] unless all three are positive and finite.
    fn from(spacing: Dhw<f64>) -> Self {
        let Dhw { d, h, w } = spacing;
        Self { vectors: [[d, 0.0, 0.0], [0.0, h, 0.0], [0.0, 0.0, w]], spacing: [d, h, w], perpendicular: true }
    }
}

impl From<&Geometry> for VoxelGrid {
    /// The grid of a volume, from its affine.
    fn from(geometry: &Geometry) -> Self {
        let affine = geometry.affine();
        let column = |c: usize| std::array::from_fn(|row| affine[row][c]);
        Self::unchecked([column(2), column(1), column(0)], geometry.spacing().into())
    }
}

impl TryFrom<[[f64; 3]; 3]> for VoxelGrid {
    type Error = MetricsError;

    /// As [`from_vectors`](Self::from_vectors).
    fn try_from(vectors: [[f64; 3]; 3]) -> Result<Self, MetricsError> {
        Self::from_vectors(vectors)
    }
}

impl From<VoxelGrid> for [[f64; 3]; 3] {
    fn from(grid: VoxelGrid) -> Self {
        grid.vectors
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn length(vector: [f64; 3]) -> f64 {
    dot(vector, vector).sqrt()
}
