//! All scores of each label.

use medseg_metrics::CaseMetrics;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::pair::{PREDICTION, Pair, REFERENCE, empty_policy};
use super::{Grid, Spacing};
use crate::arrays::Labels;

/// All scores of each label: a list of rows, one dictionary for each, which `pandas.DataFrame` takes.
///
/// Without `labels` every value above 0 in either map has a row. A row has "label", "dice", "iou", "precision", "recall",
/// "specificity", "hd_mm", "hd95_mm", "assd_mm", "surface_dice", "volume_ml_reference", "volume_ml_predicted" and
/// "relative_volume_difference"; NaN where there is no score. Other arguments as for `hd95` and `dice`.
#[pyfunction]
#[pyo3(signature = (prediction, reference, spacing=None, *, labels=None, tolerance_mm=2.0, empty="skip_empty_reference"))]
pub fn scores<'py>(
    py: Python<'py>,
    prediction: &Bound<'py, PyAny>,
    reference: &Bound<'py, PyAny>,
    spacing: Option<Spacing>,
    labels: Option<Vec<i64>>,
    tolerance_mm: f64,
    empty: &str,
) -> PyResult<Bound<'py, PyList>> {
    let (empty, arrays) = (empty_policy(empty)?, [(prediction, PREDICTION), (reference, REFERENCE)]);
    let grid = Grid::of(&arrays, spacing)?;
    let labels = Labels::new(labels, &arrays)?;
    let pair = Pair::new(labels.numbered(prediction, PREDICTION)?, labels.numbered(reference, REFERENCE)?)?;
    let voxels = grid.voxels(pair.is_reversed())?;
    let numbers: Vec<u8> = (1..=u8::MAX).take(labels.values().len()).collect();
    let rows = pair.compute(py, |p, r| CaseMetrics::evaluate_classes(p, r, &numbers, voxels, tolerance_mm, empty))?;
    let table = PyList::empty(py);
    for (label, row) in labels.values().iter().zip(rows) {
        let scores = PyDict::new(py);
        scores.set_item("label", label)?;
        for (name, value) in CaseMetrics::NAMES.iter().zip(row.values()) {
            scores.set_item(name, value)?;
        }
        table.append(scores)?;
    }
    Ok(table)
}
