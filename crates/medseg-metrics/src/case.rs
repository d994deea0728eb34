//! All scores of one case: a row of a results table.

use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

use crate::mask_pair::MaskPair;
use crate::surface_distances::checked_tolerance;
use crate::{Confusion, DistanceMetric, EmptyPolicy, MetricsError, SurfaceDistances, VoxelGrid, mean_ignoring_nan};

/// The scores of one case: one row of a results table.
///
/// NaN marks a score that does not exist (serialised as nothing, `null` in JSON):
/// - `dice`, `iou` and `surface_dice` where the [`EmptyPolicy`] says so, by default for an empty reference;
/// - `hd_mm`, `hd95_mm` and `assd_mm` if either mask is empty. A missed organ therefore shows as Dice 0 and surface
///   Dice 0, without a distance;
/// - `precision`, `recall`, `specificity` and `relative_volume_difference` if their denominator is 0.
///
/// ```
/// use medseg_metrics::{CaseMetrics, Dhw};
/// use ndarray::{Array3, s};
///
/// let mut reference = Array3::<u8>::zeros((8, 16, 16));
/// reference.slice_mut(s![2..6, 4..12, 4..12]).fill(1);
/// let mut predicted = Array3::<u8>::zeros((8, 16, 16));
/// predicted.slice_mut(s![2..6, 4..12, 5..13]).fill(1);
/// let case = CaseMetrics::evaluate(predicted.view(), reference.view(), Dhw::from([5.0, 0.7, 0.7]), 1.0)?;
/// assert_eq!(case.dice, 0.875);
/// assert!((case.hd95_mm - 0.7).abs() < 1e-12);
/// assert_eq!(case.surface_dice, 1.0);
/// assert_eq!(case.volume_ml_predicted, case.volume_ml_reference);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseMetrics {
    /// Dice coefficient, 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub dice: f64,
    /// Intersection over union, 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub iou: f64,
    /// Share of the predicted voxels that are right, 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub precision: f64,
    /// Share of the reference's voxels that were found (sensitivity), 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub recall: f64,
    /// Share of the background that was left alone, 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub specificity: f64,
    /// Hausdorff distance in millimetres.
    #[serde(with = "crate::nan_as_null")]
    pub hd_mm: f64,
    /// 95th percentile Hausdorff distance in millimetres.
    #[serde(with = "crate::nan_as_null")]
    pub hd95_mm: f64,
    /// Average symmetric surface distance in millimetres.
    #[serde(with = "crate::nan_as_null")]
    pub assd_mm: f64,
    /// Surface Dice at the given tolerance, 0 to 1.
    #[serde(with = "crate::nan_as_null")]
    pub surface_dice: f64,
    /// Volume of the reference in millilitres.
    pub volume_ml_reference: f64,
    /// Volume of the prediction in millilitres.
    pub volume_ml_predicted: f64,
    /// `(predicted - reference) / reference` volume.
    #[serde(with = "crate::nan_as_null")]
    pub relative_volume_difference: f64,
}

impl CaseMetrics {
    /// The names of the scores, in the order of [`values`](Self::values): columns of a [`ScoreTable`](crate::ScoreTable).
    pub const NAMES: [&str; 12] = [
        "dice",
        "iou",
        "precision",
        "recall",
        "specificity",
        "hd_mm",
        "hd95_mm",
        "assd_mm",
        "surface_dice",
        "volume_ml_reference",
        "volume_ml_predicted",
        "relative_volume_difference",
    ];

    /// The scores in the order of [`NAMES`](Self::NAMES).
    #[must_use]
    pub fn values(&self) -> [f64; 12] {
        [
            self.dice,
            self.iou,
            self.precision,
            self.recall,
            self.specificity,
            self.hd_mm,
            self.hd95_mm,
            self.assd_mm,
            self.surface_dice,
            self.volume_ml_reference,
            self.volume_ml_predicted,
            self.relative_volume_difference,
        ]
    }

    /// Scores a binary prediction (non-zero = foreground) with the default [`EmptyPolicy`].
    ///
    /// `grid` is a spacing in mm, [`Dhw<f64>`](crate::Dhw), or a [`VoxelGrid`] where axes are not perpendicular.
    /// `tolerance_mm` is that of the surface Dice.
    ///
    /// # Errors
    /// [`MetricsError::ShapeMismatch`], [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`],
    /// [`MetricsError::InvalidTolerance`].
    pub fn evaluate(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        grid: impl Into<VoxelGrid>,
        tolerance_mm: f64,
    ) -> Result<Self, MetricsError> {
        Self::evaluate_with(predicted, reference, grid, tolerance_mm, EmptyPolicy::default())
    }

    /// [`evaluate`](Self::evaluate) with a chosen [`EmptyPolicy`] for `dice`, `iou` and `surface_dice`.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_with(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        grid: impl Into<VoxelGrid>,
        tolerance_mm: f64,
        empty: EmptyPolicy,
    ) -> Result<Self, MetricsError> {
        Self::from_pair(|| MaskPair::new(predicted, reference), grid.into(), tolerance_mm, empty)
    }

    /// One row for each of `classes` of two label maps, in that order.
    ///
    /// ```
    /// use medseg_metrics::{CaseMetrics, EmptyPolicy, Dhw};
    /// use ndarray::array;
    ///
    /// let predicted = array![[[0_u8, 1, 2, 2]]];
    /// let reference = array![[[0_u8, 1, 1, 2]]];
    /// let (spacing, empty) = (Dhw::from([5.0, 0.7, 0.7]), EmptyPolicy::default());
    /// let rows = CaseMetrics::evaluate_classes(predicted.view(), reference.view(), &[1, 2], spacing, 1.0, empty)?;
    /// assert_eq!((rows[0].precision, rows[0].recall), (1.0, 0.5));
    /// assert_eq!((rows[1].precision, rows[1].recall), (0.5, 1.0));
    /// # Ok::<(), medseg_metrics::MetricsError>(())
    /// ```
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn evaluate_classes(
        predicted: ArrayView3<u8>,
        reference: ArrayView3<u8>,
        classes: &[u8],
        grid: impl Into<VoxelGrid>,
        tolerance_mm: f64,
        empty: EmptyPolicy,
    ) -> Result<Vec<Self>, MetricsError> {
        let grid = grid.into();
        let row =
            |&class| Self::from_pair(|| MaskPair::for_class(predicted, reference, class), grid, tolerance_mm, empty);
        classes.iter().map(row).collect()
    }

    /// The mean over the classes of one case, NaN left out; volumes are added up.
    ///
    /// `relative_volume_difference` is that of the added volumes.
    ///
    /// ```
    /// use medseg_metrics::{CaseMetrics, Dhw, EmptyPolicy};
    /// use ndarray::array;
    ///
    /// let map = array![[[0_u8, 1, 2, 2]]];
    /// let (spacing, empty) = (Dhw::splat(10.0), EmptyPolicy::default());
    /// let rows = CaseMetrics::evaluate_classes(map.view(), map.view(), &[1, 2], spacing, 1.0, empty)?;
    /// let mean = CaseMetrics::mean_over_classes(&rows);
    /// assert_eq!((mean.dice, mean.volume_ml_predicted), (1.0, 3.0));
    /// # Ok::<(), medseg_metrics::MetricsError>(())
    /// ```
    #[must_use]
    pub fn mean_over_classes(classes: &[Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| mean_ignoring_nan(&classes.iter().map(value).collect::<Vec<_>>());
        let reference = classes.iter().map(|class| class.volume_ml_reference).sum::<f64>();
        let predicted = classes.iter().map(|class| class.volume_ml_predicted).sum::<f64>();
        Self {
            dice: mean(|class| class.dice),
            iou: mean(|class| class.iou),
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            specificity: mean(|class| class.specificity),
            hd_mm: mean(|class| class.hd_mm),
            hd95_mm: mean(|class| class.hd95_mm),
            assd_mm: mean(|class| class.assd_mm),
            surface_dice: mean(|class| class.surface_dice),
            volume_ml_reference: reference,
            volume_ml_predicted: predicted,
            relative_volume_difference: (predicted - reference) / reference,
        }
    }

    fn from_pair(
        pair: impl FnOnce() -> Result<MaskPair, MetricsError>,
        grid: VoxelGrid,
        tolerance_mm: f64,
        empty: EmptyPolicy,
    ) -> Result<Self, MetricsError> {
        grid.validate()?;
        checked_tolerance(tolerance_mm)?;
        let pair = pair()?;
        let counts = pair.confusion();
        let surface = SurfaceScores::new(&pair, counts, grid, tolerance_mm, empty)?;
        Ok(Self {
            dice: counts.dice(empty),
            iou: counts.iou(empty),
            precision: counts.precision(),
            recall: counts.recall(),
            specificity: counts.specificity(),
            hd_mm: surface.hd_mm,
            hd95_mm: surface.hd95_mm,
            assd_mm: surface.assd_mm,
            surface_dice: surface.dice,
            volume_ml_reference: counts.volume_ml_reference(grid)?,
            volume_ml_predicted: counts.volume_ml_predicted(grid)?,
            relative_volume_difference: counts.relative_volume_difference(),
        })
    }
}

struct SurfaceScores {
    hd_mm: f64,
    hd95_mm: f64,
    assd_mm: f64,
    dice: f64,
}

impl SurfaceScores {
    fn new(
        pair: &MaskPair,
        counts: Confusion,
        grid: VoxelGrid,
        tolerance_mm: f64,
        empty: EmptyPolicy,
    ) -> Result<Self, MetricsError> {
        if counts.reference() == 0 || counts.predicted() == 0 {
            // Where a mask is empty, surface Dice is worth what Dice is: 1, 0 or nothing.
            return Ok(Self { hd_mm: f64::NAN, hd95_mm: f64::NAN, assd_mm: f64::NAN, dice: counts.dice(empty) });
        }
        let distances = SurfaceDistances::from_pair(pair, grid, DistanceMetric::Euclidean)?;
        Ok(Self {
            hd_mm: distances.hausdorff(),
            hd95_mm: distances.hd95(),
            assd_mm: distances.assd(),
            dice: distances.surface_dice(tolerance_mm)?,
        })
    }
}
