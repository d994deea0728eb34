//! Scores of surfaces, in millimetres.

use medseg_metrics::{MetricsError, SurfaceDistances};
use pyo3::prelude::*;

use super::pair::{PREDICTION, Pair, REFERENCE};
use super::{Grid, Spacing};

/// Reads a score from the distances between two masks' surfaces.
fn surface(
    (prediction, reference): (&Bound<'_, PyAny>, &Bound<'_, PyAny>),
    spacing: Option<Spacing>,
    label: Option<i64>,
    score: impl FnOnce(&SurfaceDistances) -> Result<f64, MetricsError> + Send,
) -> PyResult<f64> {
    let grid = Grid::of(&[(prediction, PREDICTION), (reference, REFERENCE)], spacing)?;
    let pair = Pair::of(prediction, reference, label)?;
    let voxels = grid.voxels(pair.is_reversed())?;
    pair.compute(prediction.py(), |p, r| score(&SurfaceDistances::new(p, r, voxels)?))
}

/// 95th percentile Hausdorff distance in millimetres (MONAI's `compute_hausdorff_distance(percentile=95)`); NaN if a mask is
/// empty.
///
/// Masks as for `dice`. `spacing` are the millimetres along the arrays' axes, one number or three; volumes have their own, and
/// theirs counts even where axes are not perpendicular.
#[pyfunction]
#[pyo3(signature = (prediction, reference, spacing=None, *, label=None))]
pub fn hd95(
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    spacing: Option<Spacing>,
    label: Option<i64>,
) -> PyResult<f64> {
    surface((prediction, reference), spacing, label, |distances| Ok(distances.hd95()))
}

/// Hausdorff distance in millimetres, the largest or a percentile of it from 0 to 100; arguments as for `hd95`.
#[pyfunction]
#[pyo3(signature = (prediction, reference, spacing=None, *, percentile=None, label=None))]
pub fn hausdorff(
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    spacing: Option<Spacing>,
    percentile: Option<f64>,
    label: Option<i64>,
) -> PyResult<f64> {
    surface((prediction, reference), spacing, label, |distances| match percentile {
        Some(percentile) => distances.hd(percentile),
        None => Ok(distances.hausdorff()),
    })
}

/// Average symmetric surface distance in millimetres (MONAI's `compute_average_surface_distance(symmetric=True)`); arguments as
/// for `hd95`.
#[pyfunction]
#[pyo3(signature = (prediction, reference, spacing=None, *, label=None))]
pub fn assd(
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    spacing: Option<Spacing>,
    label: Option<i64>,
) -> PyResult<f64> {
    surface((prediction, reference), spacing, label, |distances| Ok(distances.assd()))
}

/// Surface Dice (normalised surface distance) at a tolerance in millimetres, 0 to 1 (MONAI's `compute_surface_dice` with
/// `use_subvoxels=False`); other arguments as for `hd95`.
#[pyfunction]
#[pyo3(signature = (prediction, reference, tolerance_mm, spacing=None, *, label=None))]
pub fn surface_dice(
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    tolerance_mm: f64,
    spacing: Option<Spacing>,
    label: Option<i64>,
) -> PyResult<f64> {
    surface((prediction, reference), spacing, label, move |distances| distances.surface_dice(tolerance_mm))
}
