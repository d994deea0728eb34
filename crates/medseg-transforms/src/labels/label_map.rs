//! Merging and renaming label values.

use std::collections::BTreeMap;

use ndarray::{ArrayBase, DataMut, Dimension, Zip};
use serde::{Deserialize, Serialize};

use crate::TransformError;

/// Treatment of label values that a [`LabelMap`] does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherLabels {
    /// They stay.
    #[default]
    Keep,
    /// They become this value.
    Become(u8),
    /// They are an error.
    Refuse,
}

/// Gives label values new ones: merging, renumbering, leaving out.
///
/// ```
/// use medseg_transforms::{LabelMap, OtherLabels};
///
/// let mut label = ndarray::array![[[0, 1, 2, 7]]];
/// // Liver and tumour are one structure, everything else is background.
/// LabelMap::merged(&[1, 2]).apply(&mut label)?;
/// assert_eq!(label, ndarray::array![[[0, 1, 1, 0]]]);
///
/// let strict: LabelMap = serde_json::from_str(r#"{"to": [[0, 0], [1, 3]], "others": "refuse"}"#)?;
/// strict.apply(&mut label)?;
/// assert_eq!(label, ndarray::array![[[0, 3, 3, 0]]]);
/// assert!(strict.apply(&mut label).unwrap_err().to_string().contains("label value 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelMap {
    /// New values by old ones; written as pairs `[old, new]`.
    #[serde(with = "pairs")]
    pub to: BTreeMap<u8, u8>,
    /// Treatment of all other values.
    #[serde(default)]
    pub others: OtherLabels,
}

impl LabelMap {
    /// Every value above 0 becomes 1.
    #[must_use]
    pub fn foreground() -> Self {
        Self { to: BTreeMap::from([(0, 0)]), others: OtherLabels::Become(1) }
    }

    /// The given values become 1, all others 0.
    #[must_use]
    pub fn merged(values: &[u8]) -> Self {
        Self { to: values.iter().map(|value| (*value, 1)).collect(), others: OtherLabels::Become(0) }
    }

    /// The foreground's values become 1, all others 0; none named means every value above 0.
    #[must_use]
    pub fn foreground_of(values: &[u8]) -> Self {
        if values.is_empty() { Self::foreground() } else { Self::merged(values) }
    }

    /// The given values become 1, 2, 3, ... in their order, all others 0.
    #[must_use]
    pub fn numbered(values: &[u8]) -> Self {
        Self { to: values.iter().copied().zip(1..).collect(), others: OtherLabels::Become(0) }
    }

    /// The given values stay, all others become 0.
    #[must_use]
    pub fn only(values: &[u8]) -> Self {
        Self { to: values.iter().map(|value| (*value, *value)).collect(), others: OtherLabels::Become(0) }
    }

    /// The new value of every old one; a refused value stays.
    #[must_use]
    pub fn table(&self) -> [u8; 256] {
        std::array::from_fn(|value| {
            let other = match self.others {
                OtherLabels::Become(other) => other,
                OtherLabels::Keep | OtherLabels::Refuse => value as u8,
            };
            self.to.get(&(value as u8)).copied().unwrap_or(other)
        })
    }

    /// Gives every voxel its new value.
    ///
    /// # Errors
    /// [`TransformError::Parameter`] naming the first value that is refused; the label is left as it was.
    pub fn apply<S: DataMut<Elem = u8>, D: Dimension>(
        &self,
        label: &mut ArrayBase<S, D>,
    ) -> Result<(), TransformError> {
        if self.others == OtherLabels::Refuse
            && let Some(value) = label.iter().find(|value| !self.to.contains_key(value))
        {
            return Err(TransformError::parameter("label value", value, "is not one that has a new value"));
        }
        let new = self.table();
        Zip::from(label).par_for_each(|value| *value = new[usize::from(*value)]);
        Ok(())
    }
}

/// A map as pairs: keys that are numbers do not survive every format.
mod pairs {
    use std::collections::BTreeMap;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(map: &BTreeMap<u8, u8>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u8, u8>, D::Error> {
        let pairs = Vec::<(u8, u8)>::deserialize(from)?;
        let map: BTreeMap<u8, u8> = pairs.iter().copied().collect();
        if map.len() == pairs.len() { Ok(map) } else { Err(D::Error::custom("a label value has two new ones")) }
    }
}
