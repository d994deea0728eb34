//! Dice per class of channel arrays.

use ndarray::{ArrayView3, ArrayView4, Axis};
use serde::{Deserialize, Serialize};

use crate::confusion::count_with;
use crate::{Confusion, EmptyPolicy, MetricsError};

/// Dice per class of channel arrays `[channel, depth, height, width]`: MONAI's `DiceMetric`, one case at a time.
///
/// An array has either one channel for each class (one-hot, or independent labels; non-zero is inside) or a single
/// channel of class numbers. Prediction and reference may differ in this. With a single class in all, the one class is
/// the voxels of value 1 and `include_background` has no effect.
///
/// ```
/// use medseg_metrics::ClassDice;
/// use ndarray::array;
///
/// let predicted = array![[[[0_u8, 1, 2, 2]]]];
/// let reference = array![[[[0_u8, 1, 1, 2]]]];
/// let metric = ClassDice { include_background: false, num_classes: Some(3), ..ClassDice::default() };
/// assert_eq!(metric.evaluate(predicted.view(), reference.view())?, [2.0 / 3.0, 2.0 / 3.0]);
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassDice {
    /// Scores class 0 too.
    pub include_background: bool,
    /// Number of classes; `None` takes the prediction's number of channels. Needed for single-channel predictions of
    /// class numbers.
    pub num_classes: Option<usize>,
    /// Score of a class that is absent from the reference.
    pub empty: EmptyPolicy,
}

impl Default for ClassDice {
    /// MONAI's defaults: background included, classes from the prediction, absent classes skipped.
    fn default() -> Self {
        Self { include_background: true, num_classes: None, empty: EmptyPolicy::default() }
    }
}

impl ClassDice {
    /// The Dice of each class in order, without class 0 if the background is left out.
    ///
    /// # Errors
    /// [`MetricsError::ShapeMismatch`], [`MetricsError::ChannelMismatch`] if an array has neither one channel nor one
    /// for each class, [`MetricsError::InvalidClassCount`].
    pub fn evaluate(&self, predicted: ArrayView4<u8>, reference: ArrayView4<u8>) -> Result<Vec<f64>, MetricsError> {
        let counts = self.counts(predicted, reference)?;
        Ok(counts.iter().map(|counts| counts.dice(self.empty)).collect())
    }

    /// The voxel counts of each class in order, from which any overlap score follows.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn counts(&self, predicted: ArrayView4<u8>, reference: ArrayView4<u8>) -> Result<Vec<Confusion>, MetricsError> {
        let classes = self.num_classes.unwrap_or(predicted.len_of(Axis(0)));
        if !(1..=256).contains(&classes) {
            return Err(MetricsError::InvalidClassCount(classes));
        }
        let predicted = Channels::new(predicted, classes, "prediction")?;
        let reference = Channels::new(reference, classes, "reference")?;
        let range = match (classes, self.include_background) {
            (1, _) => 1..=1,
            (_, true) => 0..=classes - 1,
            (_, false) => 1..=classes - 1,
        };
        range
            .map(|class| {
                let (p, p_value) = predicted.class(class);
                let (r, r_value) = reference.class(class);
                count_with(p, r, inside(p_value), inside(r_value))
            })
            .collect()
    }
}

/// A channel array that holds class numbers in its only channel, or one class in each.
struct Channels<'a> {
    array: ArrayView4<'a, u8>,
}

impl<'a> Channels<'a> {
    fn new(array: ArrayView4<'a, u8>, classes: usize, which: &'static str) -> Result<Self, MetricsError> {
        let found = array.len_of(Axis(0));
        if found == 1 || found == classes {
            Ok(Self { array })
        } else {
            Err(MetricsError::ChannelMismatch { which, found, expected: classes })
        }
    }

    /// The channel to look at and the value to look for (`None`: any but 0).
    fn class(&self, class: usize) -> (ArrayView3<'_, u8>, Option<usize>) {
        if self.array.len_of(Axis(0)) == 1 {
            (self.array.index_axis(Axis(0), 0), Some(class))
        } else {
            (self.array.index_axis(Axis(0), class), None)
        }
    }
}

fn inside(value: Option<usize>) -> impl Fn(u8) -> bool + Sync {
    move |voxel| value.map_or(voxel != 0, |value| usize::from(voxel) == value)
}
