//! The label values that a reading is asked for.

use std::collections::BTreeMap;

/// Label values to read from a file, and the rule for all others.
///
/// A value that is not asked for becomes 0, the background, whatever it is: no value is wrapped or clamped into another.
/// A number that is not whole is an error with every choice but for the rounding of scaled files.
///
/// ```
/// use medseg_volume::ndarray::{Array3, array};
/// use medseg_volume::{Dhw, Geometry, LabelChoice, Volume, WriteOptions, read_label, read_label_of, write_volume};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("mask.nii.gz");
/// let geometry = Geometry::from_spacing(Dhw::splat(1.0))?;
/// let labels: Array3<i16> = array![[[0, 1, 2, 1000, -1]]];
/// write_volume(&path, &Volume::new(labels, geometry), &WriteOptions::default().with_labels(true))?;
///
/// assert!(read_label(&path).is_err()); // 1000 is no u8
/// assert_eq!(read_label_of(&path, &LabelChoice::only(&[1]))?.data, array![[[0, 1, 0, 0, 0]]]);
/// assert_eq!(read_label_of(&path, &LabelChoice::Foreground)?.data, array![[[0, 1, 1, 1, 0]]]);
/// let renamed = LabelChoice::Mapped([(1, 1), (1000, 2)].into());
/// assert_eq!(read_label_of(&path, &renamed)?.data, array![[[0, 1, 0, 2, 0]]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LabelChoice {
    /// All values, as they are; one that is not from 0 to 255 is an error.
    #[default]
    All,
    /// Every value above 0, however large, as 1.
    Foreground,
    /// The values that are keys, each as the value given for it.
    Mapped(BTreeMap<i32, u8>),
}

impl LabelChoice {
    /// These values, as they are.
    #[must_use]
    pub fn only(values: &[u8]) -> Self {
        Self::Mapped(values.iter().map(|value| (i32::from(*value), *value)).collect())
    }

    /// These values, as they are; none named means [`Foreground`](Self::Foreground).
    #[must_use]
    pub fn only_or_foreground(values: &[u8]) -> Self {
        if values.is_empty() { Self::Foreground } else { Self::only(values) }
    }
}
