//! One channel a label value.

use ndarray::{Array4, ArrayView3, Axis, Zip};

use crate::TransformError;

/// A channel for each label value 0 to `classes` - 1, which is 1 where the label has the value and else 0.
///
/// ```
/// let label = ndarray::array![[[0, 2]]];
/// let channels = medseg_transforms::one_hot(&label.view(), 3)?;
/// assert_eq!(channels.into_raw_vec_and_offset().0, [1, 0, 0, 0, 0, 1]);
/// # Ok::<(), medseg_transforms::TransformError>(())
/// ```
///
/// # Errors
/// [`TransformError::Parameter`] for a number of classes outside 1 to 256, and for a label value that is none of them.
pub fn one_hot(label: &ArrayView3<'_, u8>, classes: usize) -> Result<Array4<u8>, TransformError> {
    if !(1..=256).contains(&classes) {
        return Err(TransformError::parameter("classes", classes, "must be between 1 and 256"));
    }
    if let Some(value) = label.iter().find(|value| usize::from(**value) >= classes) {
        return Err(TransformError::parameter("label value", value, "is not below the number of classes"));
    }
    let (d, h, w) = label.dim();
    let mut channels = Array4::zeros((classes, d, h, w));
    for (class, channel) in channels.axis_iter_mut(Axis(0)).enumerate() {
        Zip::from(channel).and(label).par_for_each(|is, value| *is = u8::from(usize::from(*value) == class));
    }
    Ok(channels)
}
