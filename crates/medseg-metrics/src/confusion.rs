//! Voxel counts of a prediction against a reference, and the overlap scores that follow from them.

use ndarray::{ArrayView3, Axis, Zip};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::shapes::require_same_shape;
use crate::{EmptyPolicy, MetricsError, VoxelGrid, byte_sums};

/// Voxel counts of a binary prediction against a reference.
///
/// Every score is a function of these four numbers, so a case is counted once and scored many ways; counts of several
/// regions can be added up (`+`).
///
/// ```
/// use medseg_metrics::{Confusion, EmptyPolicy, confusion};
/// use ndarray::array;
///
/// let predicted = array![[[1_u8, 1, 0, 0]]];
/// let reference = array![[[1_u8, 0, 1, 0]]];
/// let counts = confusion(predicted.view(), reference.view())?;
/// assert_eq!(counts, Confusion { tp: 1, fp: 1, fn_: 1, tn: 1 });
/// assert_eq!(counts.dice(EmptyPolicy::default()), 0.5);
/// assert_eq!(counts.iou(EmptyPolicy::default()), 1.0 / 3.0);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Confusion {
    /// Foreground in both.
    pub tp: u64,
    /// Foreground in the prediction only.
    pub fp: u64,
    /// Foreground in the reference only.
    pub fn_: u64,
    /// Background in both.
    pub tn: u64,
}

/// Counts a binary prediction against a reference; every value but 0 is foreground.
///
/// # Errors
/// [`MetricsError::ShapeMismatch`] if the shapes differ.
pub fn confusion(predicted: ArrayView3<u8>, reference: ArrayView3<u8>) -> Result<Confusion, MetricsError> {
    count(predicted, reference, |v| v != 0)
}

/// Counts one class of two label maps; a voxel belongs to the class if its value equals `class`.
///
/// # Errors
/// [`MetricsError::ShapeMismatch`] if the shapes differ.
pub fn confusion_of_class(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    class: u8,
) -> Result<Confusion, MetricsError> {
    count(predicted, reference, |v| v == class)
}

fn count(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    inside: impl Fn(u8) -> bool + Sync,
) -> Result<Confusion, MetricsError> {
    count_with(predicted, reference, &inside, &inside)
}

/// Counts with a membership rule for each mask.
pub(crate) fn count_with(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    in_prediction: impl Fn(u8) -> bool + Sync,
    in_reference: impl Fn(u8) -> bool + Sync,
) -> Result<Confusion, MetricsError> {
    require_same_shape(&predicted, &reference)?;
    let (in_prediction, in_reference) = (|v| u8::from(in_prediction(v)), |v| u8::from(in_reference(v)));
    let sums = match (predicted.as_slice_memory_order(), reference.as_slice_memory_order()) {
        (Some(p), Some(r)) if predicted.strides() == reference.strides() => {
            byte_sums::in_parallel(p, r, in_prediction, in_reference)
        }
        _ => by_rows(predicted, reference, in_prediction, in_reference),
    };
    Ok(Confusion::from_sums(sums, predicted.len() as u64))
}

/// Sums of arrays that lie differently in memory.
fn by_rows(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    in_prediction: impl Fn(u8) -> u8 + Sync,
    in_reference: impl Fn(u8) -> u8 + Sync,
) -> [u64; 3] {
    (0..predicted.len_of(Axis(0)))
        .into_par_iter()
        .map(|d| {
            let mut sums = [0_u64; 3];
            Zip::from(predicted.index_axis(Axis(0), d)).and(reference.index_axis(Axis(0), d)).for_each(|&p, &r| {
                let (p, r) = (in_prediction(p), in_reference(r));
                sums = byte_sums::add(sums, [p & r, p, r].map(u64::from));
            });
            sums
        })
        .reduce(|| [0; 3], byte_sums::add)
}

impl Confusion {
    /// From the sizes of the intersection, the prediction and the reference, and the number of voxels.
    pub(crate) fn from_sums([both, predicted, reference]: [u64; 3], voxels: u64) -> Self {
        let (fp, fn_) = (predicted - both, reference - both);
        Self { tp: both, fp, fn_, tn: voxels - both - fp - fn_ }
    }

    /// Foreground voxels of the prediction.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.tp + self.fp
    }

    /// Foreground voxels of the reference.
    #[must_use]
    pub fn reference(&self) -> u64 {
        self.tp + self.fn_
    }

    /// Dice coefficient `2 tp / (2 tp + fp + fn)`, 0 to 1 (MONAI's `compute_dice`).
    #[must_use]
    pub fn dice(&self, empty: EmptyPolicy) -> f64 {
        if self.reference() == 0 {
            return empty.score_without_reference(self.fp == 0);
        }
        2.0 * self.tp as f64 / (self.predicted() + self.reference()) as f64
    }

    /// Intersection over union (Jaccard index) `tp / (tp + fp + fn)`, 0 to 1 (MONAI's `compute_iou`).
    #[must_use]
    pub fn iou(&self, empty: EmptyPolicy) -> f64 {
        if self.reference() == 0 {
            return empty.score_without_reference(self.fp == 0);
        }
        self.tp as f64 / (self.tp + self.fp + self.fn_) as f64
    }

    /// Precision (positive predictive value) `tp / (tp + fp)`; NaN if nothing was predicted.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.tp, self.predicted())
    }

    /// Recall (sensitivity) `tp / (tp + fn)`; NaN if the reference is empty.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.tp, self.reference())
    }

    /// Specificity `tn / (tn + fp)`; NaN if the reference fills the volume.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        ratio(self.tn, self.tn + self.fp)
    }

    /// Volume of the prediction in millilitres.
    ///
    /// # Errors
    /// [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
    pub fn volume_ml_predicted(&self, grid: impl Into<VoxelGrid>) -> Result<f64, MetricsError> {
        grid.into().volume_ml(self.predicted())
    }

    /// Volume of the reference in millilitres.
    ///
    /// # Errors
    /// [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
    pub fn volume_ml_reference(&self, grid: impl Into<VoxelGrid>) -> Result<f64, MetricsError> {
        grid.into().volume_ml(self.reference())
    }

    /// Volume of the prediction less that of the reference, in millilitres: positive if it is too large.
    ///
    /// # Errors
    /// [`MetricsError::InvalidSpacing`], [`MetricsError::InvalidGrid`].
    pub fn volume_difference_ml(&self, grid: impl Into<VoxelGrid>) -> Result<f64, MetricsError> {
        let grid = grid.into();
        Ok(self.volume_ml_predicted(grid)? - self.volume_ml_reference(grid)?)
    }

    /// `(predicted - reference) / reference`: 0.1 means 10 % too large; NaN if the reference is empty.
    #[must_use]
    pub fn relative_volume_difference(&self) -> f64 {
        if self.reference() == 0 {
            return f64::NAN;
        }
        (self.predicted() as f64 - self.reference() as f64) / self.reference() as f64
    }
}

impl std::ops::Add for Confusion {
    type Output = Confusion;

    fn add(self, other: Confusion) -> Confusion {
        Confusion { tp: self.tp + other.tp, fp: self.fp + other.fp, fn_: self.fn_ + other.fn_, tn: self.tn + other.tn }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { f64::NAN } else { part as f64 / whole as f64 }
}
