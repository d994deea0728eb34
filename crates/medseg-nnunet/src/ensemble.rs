//! Average over the probabilities of several configurations.

use ndarray::{Array4, ArrayView4, Axis, Zip};
use rayon::prelude::*;

use crate::export::{ExportError, LabelRule, Mask};

/// An error of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// Probabilities of another shape than the first.
    #[error("member {member} of the ensemble has shape {found:?}, not {expected:?}")]
    Shape {
        /// Number of the member, from 0.
        member: usize,
        /// Its shape: class, depth, height, width.
        found: [usize; 4],
        /// The first member's shape.
        expected: [usize; 4],
    },
    /// An ensemble without members.
    #[error("the ensemble has no members")]
    Empty,
    /// A rule with another number of classes.
    #[error("{found} channels of probabilities, but the rule has {expected} classes")]
    Classes {
        /// Number of channels.
        found: usize,
        /// Number of classes.
        expected: usize,
    },
    /// A rule that is not valid.
    #[error(transparent)]
    Rule(#[from] ExportError),
}

/// Mean of the probabilities of several configurations on the image's grid, [class, depth, height, width] in f32.
///
/// Source: nnU-Net v2, `nnUNetv2_ensemble`.
///
/// ```
/// use medseg_nnunet::Ensemble;
/// use medseg_nnunet::export::{LabelRule, Mask};
/// use ndarray::Array4;
///
/// let member = |values: [f32; 4]| Array4::from_shape_vec((2, 1, 1, 2), values.to_vec()).unwrap();
/// let mut ensemble = Ensemble::default();
/// ensemble.add(member([0.9, 0.4, 0.1, 0.6]))?;
/// ensemble.add(member([0.2, 0.3, 0.8, 0.7]))?;
/// assert_eq!(ensemble.finish(&LabelRule::Argmax { classes: 2 })?, Mask::U8(ndarray::array![[[0, 1]]]));
/// # Ok::<(), medseg_nnunet::EnsembleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ensemble {
    sum: Option<Array4<f32>>,
    members: usize,
}

impl Ensemble {
    /// Adds a member's probabilities.
    ///
    /// # Errors
    /// [`EnsembleError::Shape`] if they have another shape than the first member's.
    pub fn add(&mut self, probabilities: Array4<f32>) -> Result<(), EnsembleError> {
        match &mut self.sum {
            None => self.sum = Some(probabilities),
            Some(sum) => {
                let (found, expected) = (shape(probabilities.dim()), shape(sum.dim()));
                if found != expected {
                    return Err(EnsembleError::Shape { member: self.members, found, expected });
                }
                Zip::from(sum).and(&probabilities).par_for_each(|sum, value| *sum += value);
            }
        }
        self.members += 1;
        Ok(())
    }

    /// The mean probabilities.
    ///
    /// # Errors
    /// [`EnsembleError::Empty`] without members.
    pub fn mean(self) -> Result<Array4<f32>, EnsembleError> {
        let mut mean = self.sum.ok_or(EnsembleError::Empty)?;
        let members = self.members as f32;
        mean.par_mapv_inplace(|sum| sum / members);
        Ok(mean)
    }

    /// The mask of the mean probabilities.
    ///
    /// # Errors
    /// [`EnsembleError::Empty`] without members, [`EnsembleError::Classes`] for a rule of other classes.
    pub fn finish(self, rule: &LabelRule) -> Result<Mask, EnsembleError> {
        labels_of(self.mean()?.view(), rule)
    }
}

/// The mask of probabilities [class, depth, height, width]: the largest, or for regions what exceeds 0.5.
///
/// # Errors
/// [`EnsembleError::Classes`] for a rule of other classes.
pub fn labels_of(probabilities: ArrayView4<'_, f32>, rule: &LabelRule) -> Result<Mask, EnsembleError> {
    rule.validate()?;
    let [classes, depth, height, width] = shape(probabilities.dim());
    if classes != rule.classes() {
        return Err(EnsembleError::Classes { found: classes, expected: rule.classes() });
    }
    let mut labels = ndarray::Array3::<u16>::zeros((depth, height, width));
    let slices = labels.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
    slices.for_each_init(Default::default, |rows: &mut [Vec<f32>; 2], (z, mut slice)| {
        for (y, mut row) in slice.axis_iter_mut(Axis(0)).enumerate() {
            if let Some(labels) = row.as_slice_mut() {
                rule.label_probabilities(labels, rows, |class, out| {
                    let values = probabilities.slice(ndarray::s![class, z, y, ..]);
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = *value);
                });
            }
        }
    });
    Ok(if rule.largest_label() < 255 { Mask::U8(labels.mapv(|label| label as u8)) } else { Mask::U16(labels) })
}

fn shape((classes, depth, height, width): (usize, usize, usize, usize)) -> [usize; 4] {
    [classes, depth, height, width]
}
