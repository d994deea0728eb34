//! Lesion-wise detection: connected components found, missed and made up.

use medseg_transforms::{ComponentOverlap, Connectivity, component_overlaps};
use ndarray::ArrayView3;
use serde::{Deserialize, Serialize};

use crate::mask_pair::MaskPair;
use crate::{EmptyPolicy, MetricsError};

/// Counts of lesions found, missed and made up.
///
/// A lesion is a connected component of 26 neighbours. Reference lesions are found or missed; predicted lesions are right
/// or made up. Both kinds of hit are counted, because one prediction may cover two lesions of the reference, or two
/// predictions one lesion. Counts of several cases can be added up (`+`).
///
/// ```
/// use medseg_metrics::{EmptyPolicy, lesion_detection};
/// use ndarray::array;
///
/// // The prediction covers the first two lesions with one, misses the third and makes one up.
/// let reference = array![[[1_u8, 0, 1, 0, 0, 1, 0, 0, 0]]];
/// let predicted = array![[[1_u8, 1, 1, 0, 0, 0, 0, 0, 1]]];
/// let lesions = lesion_detection(predicted.view(), reference.view(), 0.0)?;
/// assert_eq!((lesions.tp, lesions.fn_), (2, 1));
/// assert_eq!((lesions.tp_predicted, lesions.fp), (1, 1));
/// assert_eq!((lesions.recall(), lesions.precision()), (2.0 / 3.0, 0.5));
/// assert!((lesions.f1(EmptyPolicy::default()) - 4.0 / 7.0).abs() < 1e-12);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct LesionDetection {
    /// Reference lesions that the prediction found.
    pub tp: u64,
    /// Reference lesions that it missed.
    pub fn_: u64,
    /// Predicted lesions that lie on a reference lesion.
    pub tp_predicted: u64,
    /// Predicted lesions that do not.
    pub fp: u64,
}

/// Counts the lesions of a binary prediction against a reference; every value but 0 is foreground.
///
/// A lesion of either mask is a hit if enough of its voxels are foreground in the other mask: at least one, and at
/// least the share `min_overlap`. 0 asks for any overlap, the usual rule; 1 for the whole lesion.
///
/// # Errors
/// [`MetricsError::ShapeMismatch`]; [`MetricsError::InvalidOverlap`] unless `min_overlap` is between 0 and 1.
pub fn lesion_detection(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    min_overlap: f64,
) -> Result<LesionDetection, MetricsError> {
    LesionDetection::from_pair(|| MaskPair::new(predicted, reference), min_overlap)
}

/// [`lesion_detection`] of one class of two label maps; a lesion consists of voxels of that class.
///
/// # Errors
/// As [`lesion_detection`].
pub fn lesion_detection_of_class(
    predicted: ArrayView3<u8>,
    reference: ArrayView3<u8>,
    class: u8,
    min_overlap: f64,
) -> Result<LesionDetection, MetricsError> {
    LesionDetection::from_pair(|| MaskPair::for_class(predicted, reference, class), min_overlap)
}

impl LesionDetection {
    fn from_pair(
        pair: impl FnOnce() -> Result<MaskPair, MetricsError>,
        min_overlap: f64,
    ) -> Result<Self, MetricsError> {
        if !(0.0..=1.0).contains(&min_overlap) {
            return Err(MetricsError::InvalidOverlap(min_overlap));
        }
        let pair = pair()?;
        let [predicted, reference] = pair.views();
        let hits_and_rest = |mask: &ArrayView3<u8>, other: &ArrayView3<u8>| {
            let lesions = component_overlaps(mask, other, Connectivity::Vertex);
            let hit = |lesion: &&ComponentOverlap| {
                lesion.overlap > 0 && lesion.overlap as f64 >= min_overlap * lesion.size as f64
            };
            let hits = lesions.iter().filter(hit).count() as u64;
            (hits, lesions.len() as u64 - hits)
        };
        let ((tp, fn_), (tp_predicted, fp)) =
            rayon::join(|| hits_and_rest(&reference, &predicted), || hits_and_rest(&predicted, &reference));
        Ok(Self { tp, fn_, tp_predicted, fp })
    }

    /// Lesions of the reference.
    #[must_use]
    pub fn reference(&self) -> u64 {
        self.tp + self.fn_
    }

    /// Lesions of the prediction.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.tp_predicted + self.fp
    }

    /// Share of the predicted lesions that lie on a reference lesion; NaN if none was predicted.
    #[must_use]
    pub fn precision(&self) -> f64 {
        self.tp_predicted as f64 / self.predicted() as f64
    }

    /// Share of the reference lesions that were found (lesion-wise sensitivity); NaN if there are none.
    #[must_use]
    pub fn recall(&self) -> f64 {
        self.tp as f64 / self.reference() as f64
    }

    /// Harmonic mean of precision and recall, 0 if nothing was found. Without lesions in the reference the policy
    /// decides, as for the Dice coefficient of voxels.
    #[must_use]
    pub fn f1(&self, empty: EmptyPolicy) -> f64 {
        if self.reference() == 0 {
            return empty.score_without_reference(self.predicted() == 0);
        }
        if self.tp == 0 || self.tp_predicted == 0 {
            return 0.0;
        }
        let (precision, recall) = (self.precision(), self.recall());
        2.0 * precision * recall / (precision + recall)
    }
}

impl std::ops::Add for LesionDetection {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            tp: self.tp + other.tp,
            fn_: self.fn_ + other.fn_,
            tp_predicted: self.tp_predicted + other.tp_predicted,
            fp: self.fp + other.fp,
        }
    }
}
