//! Removal of all but the largest components, as a cross-validation chose it.

use std::cell::Cell;

use medseg_transforms::{Connectivity, remove_components};
use ndarray::Array3;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::export::Mask;

/// The one function that nnU-Net writes.
const KEEP_LARGEST: &str = "remove_all_but_largest_component_from_segmentation";

/// An error of the post-processing's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostprocessingError {
    /// Text that is no JSON of the expected keys.
    #[error("postprocessing.json cannot be read")]
    Json(#[from] serde_json::Error),
    /// A function that is not known.
    #[error("postprocessing.json names the function {0}; only {KEEP_LARGEST} is known")]
    Function(String),
    /// As many functions as arguments are needed.
    #[error("postprocessing.json has {functions} functions and arguments for {arguments}")]
    Count {
        /// Number of functions.
        functions: usize,
        /// Number of arguments.
        arguments: usize,
    },
}

/// One step: of the union of some labels, the largest components stay, and the rest becomes background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepLargest {
    /// Label values whose union is the foreground; all others stay as they are.
    pub labels: Vec<u64>,
    /// Value of what is removed.
    pub background: u16,
}

/// The steps of `postprocessing.json`, in order.
///
/// Voxels touch by 26 neighbours. All components that tie for largest stay.
///
/// Source: nnU-Net v2, `remove_all_but_largest_component_from_segmentation`.
///
/// ```
/// use medseg_nnunet::Postprocessing;
/// use medseg_nnunet::export::Mask;
///
/// let steps = Postprocessing::from_json(
///     r#"{"postprocessing_fns": ["remove_all_but_largest_component_from_segmentation"],
///         "postprocessing_kwargs": [{"labels_or_regions": [1, 2]}]}"#,
/// )?;
/// let mut mask = Mask::U8(ndarray::array![[[1, 2, 0, 1, 0, 3, 0, 2, 2]]]);
/// steps.apply(&mut mask);
/// assert_eq!(mask, Mask::U8(ndarray::array![[[1, 2, 0, 0, 0, 3, 0, 2, 2]]]));
/// # Ok::<(), medseg_nnunet::PostprocessingError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Postprocessing {
    /// Steps.
    pub steps: Vec<KeepLargest>,
}

#[derive(Deserialize)]
struct File {
    postprocessing_fns: Vec<String>,
    postprocessing_kwargs: Vec<Arguments>,
}

#[derive(Deserialize)]
struct Arguments {
    #[serde(deserialize_with = "flat")]
    labels_or_regions: Vec<u64>,
    #[serde(default)]
    background_label: u16,
}

/// A label, a region (a list of labels), or a list of both: all of them are one foreground.
fn flat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    fn add(value: &Value, labels: &mut Vec<u64>) -> bool {
        match value {
            Value::Array(values) => values.iter().all(|value| add(value, labels)),
            _ => value.as_u64().map(|label| labels.push(label)).is_some(),
        }
    }
    let (value, mut labels) = (Value::deserialize(deserializer)?, Vec::new());
    let known = add(&value, &mut labels);
    if known { Ok(labels) } else { Err(serde::de::Error::custom("labels_or_regions must hold labels from 0 on")) }
}

impl Postprocessing {
    /// Reads the text of `postprocessing.json`.
    ///
    /// # Errors
    /// [`PostprocessingError`] for other text or another function.
    pub fn from_json(text: &str) -> Result<Self, PostprocessingError> {
        let file: File = serde_json::from_str(text)?;
        let (functions, arguments) = (file.postprocessing_fns.len(), file.postprocessing_kwargs.len());
        if functions != arguments {
            return Err(PostprocessingError::Count { functions, arguments });
        }
        if let Some(name) = file.postprocessing_fns.into_iter().find(|name| name != KEEP_LARGEST) {
            return Err(PostprocessingError::Function(name));
        }
        let step = |a: Arguments| KeepLargest { labels: a.labels_or_regions, background: a.background_label };
        Ok(Self { steps: file.postprocessing_kwargs.into_iter().map(step).collect() })
    }

    /// Cleans a mask in place.
    pub fn apply(&self, mask: &mut Mask) {
        for step in &self.steps {
            match mask {
                Mask::U8(mask) => step.apply(mask, |background| background as u8),
                Mask::U16(mask) => step.apply(mask, |background| background),
            }
        }
    }
}

impl KeepLargest {
    fn apply<T: Copy + Into<u64>>(&self, mask: &mut Array3<T>, background: impl Fn(u16) -> T) {
        let inside = |label: &T| self.labels.contains(&(*label).into());
        let mut stays = mask.map(|label| u8::from(inside(label)));
        // The first pass only finds the largest size.
        let largest = Cell::new(0);
        remove_components(&mut stays, Connectivity::Vertex, |_, voxels| {
            largest.set(voxels.max(largest.get()));
            false
        });
        remove_components(&mut stays, Connectivity::Vertex, |_, voxels| voxels < largest.get());
        mask.zip_mut_with(&stays, |label, stays| {
            if *stays == 0 && inside(label) {
                *label = background(self.background);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kwargs: &str, count: usize) -> Result<Postprocessing, PostprocessingError> {
        let names = vec![KEEP_LARGEST; count];
        Postprocessing::from_json(&format!(
            r#"{{"postprocessing_fns": {names:?}, "postprocessing_kwargs": [{kwargs}]}}"#
        ))
    }

    #[test]
    fn a_label_a_region_and_lists_of_both_are_read() {
        let got = steps(r#"{"labels_or_regions": 3}, {"labels_or_regions": [[1, 2], 3], "background_label": 0}"#, 2);
        let got = got.expect("two steps");
        assert_eq!(got.steps[0].labels, [3]);
        assert_eq!(got.steps[1].labels, [1, 2, 3]);
    }

    #[test]
    fn components_that_tie_stay_and_corners_touch() {
        let mut labels = Array3::<u16>::zeros((3, 3, 6));
        for at in [[0, 0, 0], [1, 1, 1], [0, 0, 4], [0, 0, 5], [2, 2, 3]] {
            labels[at] = 300;
        }
        let mut mask = Mask::U16(labels.clone());
        steps(r#"{"labels_or_regions": 300}"#, 1).expect("a step").apply(&mut mask);
        labels[[2, 2, 3]] = 0;
        assert_eq!(mask, Mask::U16(labels));
    }

    #[test]
    fn other_files_are_errors() {
        assert!(matches!(steps(r#"{"labels_or_regions": -1}"#, 1), Err(PostprocessingError::Json(_))));
        assert!(matches!(steps("", 1), Err(PostprocessingError::Count { functions: 1, arguments: 0 })));
        let other = r#"{"postprocessing_fns": ["erode"], "postprocessing_kwargs": [{"labels_or_regions": 1}]}"#;
        assert!(matches!(Postprocessing::from_json(other), Err(PostprocessingError::Function(_))));
    }
}
