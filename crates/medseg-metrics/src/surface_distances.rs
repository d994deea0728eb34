//! Distances between two surfaces, and the scores read from them.

use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

use crate::chamfer::steps_between;
use crate::distance_transform::distances_between;
use crate::mask_pair::MaskPair;
use crate::quantile::quantile;
use crate::surface::surface_of;
use crate::{MetricsError, VoxelGrid};

/// Distance between two voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistanceMetric {
    /// Straight-line distance in millimetres.
    #[default]
    Euclidean,
    /// The largest of the three index differences, in voxels; the grid plays no part (as in MONAI).
    Chessboard,
    /// The sum of the three index differences, in voxels; the grid plays no part (as in MONAI).
    Taxicab,
}

/// Distances between the surfaces of a prediction and a reference, from which every surface score is read.
///
/// Each is the distance between the centres of a [surface voxel](crate::mask_surface) and the nearest surface voxel of
/// the other mask. Both directions are measured. Surface voxels are found by their neighbours and count once each, whatever
/// the [`VoxelGrid`]; distances are exact on every grid.
///
/// Empty masks follow MONAI: if both are empty there are no distances and every score is NaN; if one is empty, every
/// surface voxel of the other is infinitely far away, in both directions.
///
/// ```
/// use medseg_metrics::{Dhw, SurfaceDistances};
/// use ndarray::Array3;
///
/// let mut reference = Array3::<u8>::zeros((5, 5, 5));
/// reference[[2, 2, 2]] = 1;
/// let mut predicted = Array3::<u8>::zeros((5, 5, 5));
/// predicted[[2, 2, 4]] = 1;
/// let distances = SurfaceDistances::new(predicted.view(), reference.view(), Dhw::from([5.0, 0.5, 0.5]))?;
/// assert_eq!(distances.hd95(), 1.0);
/// assert_eq!(distances.assd(), 1.0);
/// assert_eq!(distances.surface_dice(1.0)?, 1.0);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SurfaceDistances {
    predicted_to_reference: Vec<f64>,
    reference_to_predicted: Vec<f64>,
}

impl SurfaceDistances {
    /// Euclidean distances in millimetres.
    ///
    /// # Errors
    /// [`MetricsError::ShapeMismatch`], [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
    pub fn new(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        grid: impl Into<VoxelGrid>,
    ) -> Result<Self, MetricsError> {
        Self::with_metric(predicted, reference, grid, DistanceMetric::Euclidean)
    }

    /// Euclidean distances in millimetres of one class of two label maps.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_class(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        class: u8,
        grid: impl Into<VoxelGrid>,
    ) -> Result<Self, MetricsError> {
        let pair = MaskPair::for_class(predicted, reference, class)?;
        Self::from_pair(&pair, grid.into(), DistanceMetric::Euclidean)
    }

    /// Distances by any [`DistanceMetric`].
    ///
    /// # Errors
    /// [`MetricsError::ShapeMismatch`], [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
    pub fn with_metric(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        grid: impl Into<VoxelGrid>,
        metric: DistanceMetric,
    ) -> Result<Self, MetricsError> {
        Self::from_pair(&MaskPair::new(predicted, reference)?, grid.into(), metric)
    }

    pub(crate) fn from_pair(pair: &MaskPair, grid: VoxelGrid, metric: DistanceMetric) -> Result<Self, MetricsError> {
        let grid = grid.validate()?;
        let predicted = surface_of(&pair.predicted, pair.dims);
        let reference = surface_of(&pair.reference, pair.dims);
        let count = |edges: &[u8]| edges.iter().filter(|v| **v != 0).count();
        if let (n, 0) | (0, n) = (count(&predicted), count(&reference)) {
            let unreachable = vec![f64::INFINITY; n];
            return Ok(Self { predicted_to_reference: unreachable.clone(), reference_to_predicted: unreachable });
        }
        let measure = |from: &[u8], to: &[u8]| match metric {
            DistanceMetric::Euclidean => distances_between(from, to, pair.dims, grid),
            DistanceMetric::Chessboard => in_voxels(steps_between(from, to, pair.dims, true)),
            DistanceMetric::Taxicab => in_voxels(steps_between(from, to, pair.dims, false)),
        };
        let (predicted_to_reference, reference_to_predicted) =
            rayon::join(|| measure(&predicted, &reference), || measure(&reference, &predicted));
        Ok(Self { predicted_to_reference, reference_to_predicted })
    }

    /// One distance for each surface voxel of the prediction, in no particular order.
    #[must_use]
    pub fn predicted_to_reference(&self) -> &[f64] {
        &self.predicted_to_reference
    }

    /// One distance for each surface voxel of the reference, in no particular order.
    #[must_use]
    pub fn reference_to_predicted(&self) -> &[f64] {
        &self.reference_to_predicted
    }

    /// Hausdorff distance: the largest distance in either direction; infinite if one mask is empty, NaN if both are.
    #[must_use]
    pub fn hausdorff(&self) -> f64 {
        self.hausdorff_directed().max(largest(&self.reference_to_predicted))
    }

    /// The largest distance from the prediction's surface to the reference's.
    #[must_use]
    pub fn hausdorff_directed(&self) -> f64 {
        largest(&self.predicted_to_reference)
    }

    /// Percentile Hausdorff distance: the percentile (linear interpolation) of each direction, then the larger of the
    /// two (MONAI's `compute_hausdorff_distance(percentile=..)`).
    ///
    /// NaN if either mask is empty. Percentile 0 is the smallest distance, where MONAI reads 0 as "no percentile" and
    /// gives the largest.
    ///
    /// # Errors
    /// [`MetricsError::InvalidPercentile`] unless `percentile` is between 0 and 100.
    pub fn hd(&self, percentile: f64) -> Result<f64, MetricsError> {
        let fraction = checked_fraction(percentile)?;
        Ok(self.percentile_both(fraction))
    }

    /// The percentile of the distances from the prediction's surface to the reference's.
    ///
    /// # Errors
    /// [`MetricsError::InvalidPercentile`] unless `percentile` is between 0 and 100.
    pub fn hd_directed(&self, percentile: f64) -> Result<f64, MetricsError> {
        let fraction = checked_fraction(percentile)?;
        Ok(quantile(&mut self.predicted_to_reference.clone(), fraction))
    }

    /// HD95, the 95th percentile Hausdorff distance: [`hd(95)`](Self::hd).
    #[must_use]
    pub fn hd95(&self) -> f64 {
        self.percentile_both(0.95)
    }

    fn percentile_both(&self, fraction: f64) -> f64 {
        let forward = quantile(&mut self.predicted_to_reference.clone(), fraction);
        let back = quantile(&mut self.reference_to_predicted.clone(), fraction);
        // Both are NaN or neither: a direction has no distances, or infinite ones, only if the other has so too.
        forward.max(back)
    }

    /// Average symmetric surface distance: the mean over the surface voxels of both masks taken together (MONAI's
    /// `compute_average_surface_distance(symmetric=True)`); infinite if one mask is empty, NaN if both are.
    #[must_use]
    pub fn assd(&self) -> f64 {
        let sum = self.predicted_to_reference.iter().sum::<f64>() + self.reference_to_predicted.iter().sum::<f64>();
        sum / self.surface_voxels()
    }

    /// Average surface distance from the prediction to the reference (MONAI's default, `symmetric=False`).
    #[must_use]
    pub fn asd(&self) -> f64 {
        self.predicted_to_reference.iter().sum::<f64>() / self.predicted_to_reference.len() as f64
    }

    /// Surface Dice (normalised surface distance) at a tolerance, 0 to 1.
    ///
    /// The share of surface voxels, of both masks taken together, that lie within `tolerance_mm` (inclusive) of the
    /// other surface. Surfaces are sets of border voxels, each of which counts once, on sheared grids too: MONAI's `compute_surface_dice`
    /// with `use_subvoxels=False`. Nikolov et al. (2018) weight triangles by area instead: values of the two
    /// definitions differ a little. 0 if one mask is empty, NaN if both are.
    ///
    /// # Errors
    /// [`MetricsError::InvalidTolerance`] if the tolerance is negative or NaN.
    pub fn surface_dice(&self, tolerance_mm: f64) -> Result<f64, MetricsError> {
        let tolerance = checked_tolerance(tolerance_mm)?;
        let both = self.predicted_to_reference.iter().chain(&self.reference_to_predicted);
        let within = both.filter(|distance| distance.is_finite() && **distance <= tolerance).count();
        Ok(within as f64 / self.surface_voxels())
    }

    fn surface_voxels(&self) -> f64 {
        (self.predicted_to_reference.len() + self.reference_to_predicted.len()) as f64
    }
}

pub(crate) fn checked_tolerance(tolerance_mm: f64) -> Result<f64, MetricsError> {
    if tolerance_mm >= 0.0 { Ok(tolerance_mm) } else { Err(MetricsError::InvalidTolerance(tolerance_mm)) }
}

fn checked_fraction(percentile: f64) -> Result<f64, MetricsError> {
    if (0.0..=100.0).contains(&percentile) {
        Ok(percentile / 100.0)
    } else {
        Err(MetricsError::InvalidPercentile(percentile))
    }
}

fn largest(distances: &[f64]) -> f64 {
    distances.iter().copied().fold(f64::NAN, f64::max)
}

fn in_voxels(steps: Vec<Option<u32>>) -> Vec<f64> {
    steps.into_iter().map(|steps| steps.map_or(f64::INFINITY, f64::from)).collect()
}
