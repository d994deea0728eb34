//! A prediction and a reference.

use medseg_metrics::{EmptyPolicy, MetricsError};
use ndarray::ArrayView3;
use pyo3::prelude::*;

use crate::arrays::{Mask, check_same_shape};
use crate::compute::{check_memory, compute};
use crate::errors::{bad_value, raised};

/// Names in messages.
pub const PREDICTION: &str = "prediction";
pub const REFERENCE: &str = "reference";

/// Bytes that a surface distance takes for a voxel.
const VOXEL_BYTES: u128 = 14;

/// Two masks of one shape.
pub struct Pair<'py> {
    pub prediction: Mask<'py>,
    pub reference: Mask<'py>,
}

impl<'py> Pair<'py> {
    /// The foreground of both, or one label.
    pub fn of(prediction: &Bound<'py, PyAny>, reference: &Bound<'py, PyAny>, label: Option<i64>) -> PyResult<Self> {
        if label == Some(0) {
            return Err(bad_value("label: 0 is the background and has no scores"));
        }
        let prediction = Mask::of(prediction, PREDICTION, label)?;
        Self::new(prediction, Mask::of(reference, REFERENCE, label)?)
    }

    pub fn new(prediction: Mask<'py>, reference: Mask<'py>) -> PyResult<Self> {
        check_same_shape((&prediction, PREDICTION), (&reference, REFERENCE))?;
        check_memory("scoring", prediction.view().len() as u128 * VOXEL_BYTES)?;
        Ok(Self { prediction, reference })
    }

    /// True if the masks are looked at with their axes reversed, because they lie in memory so.
    pub fn is_reversed(&self) -> bool {
        self.prediction.is_fortran()
    }

    /// Computes on both masks without Python's lock.
    pub fn compute<T: Send>(
        &self,
        py: Python<'_>,
        scores: impl FnOnce(ArrayView3<'_, u8>, ArrayView3<'_, u8>) -> Result<T, MetricsError> + Send,
    ) -> PyResult<T> {
        let (mut prediction, mut reference) = (self.prediction.view(), self.reference.view());
        if self.is_reversed() {
            (prediction, reference) = (prediction.reversed_axes(), reference.reversed_axes());
        }
        compute(py, || scores(prediction, reference))?.map_err(|error| raised(&error))
    }
}

/// The rule for masks without foreground, by its name.
pub fn empty_policy(name: &str) -> PyResult<EmptyPolicy> {
    Ok(match name {
        "skip_empty_reference" => EmptyPolicy::SkipEmptyReference,
        "skip_both_empty" => EmptyPolicy::SkipBothEmpty,
        "score_all" => EmptyPolicy::ScoreAll,
        other => {
            return Err(bad_value(format!(
                "empty {other:?} is none of \"skip_empty_reference\", \"skip_both_empty\" and \"score_all\""
            )));
        }
    })
}
