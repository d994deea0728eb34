//! Scores of overlap.

use medseg_metrics::confusion;
use pyo3::prelude::*;

use super::pair::{Pair, empty_policy};

/// Dice coefficient of two masks, 0 to 1 (MONAI's `compute_dice`).
///
/// Arrays `[x, y, z]` of truth values or whole numbers; every value but 0 is foreground, or with `label` that value alone. `empty`
/// says what a mask without foreground scores: "skip_empty_reference" (NaN for an empty reference), "skip_both_empty", or
/// "score_all" (1 where both are empty).
#[pyfunction]
#[pyo3(signature = (prediction, reference, *, label=None, empty="skip_empty_reference"))]
pub fn dice(
    py: Python<'_>,
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    label: Option<i64>,
    empty: &str,
) -> PyResult<f64> {
    let empty = empty_policy(empty)?;
    Pair::of(prediction, reference, label)?.compute(py, |p, r| Ok(confusion(p, r)?.dice(empty)))
}

/// Intersection over union of two masks, 0 to 1 (MONAI's `compute_iou`); arguments as for `dice`.
#[pyfunction]
#[pyo3(signature = (prediction, reference, *, label=None, empty="skip_empty_reference"))]
pub fn iou(
    py: Python<'_>,
    prediction: &Bound<'_, PyAny>,
    reference: &Bound<'_, PyAny>,
    label: Option<i64>,
    empty: &str,
) -> PyResult<f64> {
    let empty = empty_policy(empty)?;
    Pair::of(prediction, reference, label)?.compute(py, |p, r| Ok(confusion(p, r)?.iou(empty)))
}
