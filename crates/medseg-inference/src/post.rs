//! Cleaning of a mask after prediction.

use medseg_transforms::{Connectivity, FillHoles, KeepLargestComponents, remove_components};
use medseg_volume::Geometry;
use ndarray::Array3;
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;

/// One step of [`PostProcessing`]. `labels` names those other than 0 that a step concerns, none meaning all. Each is
/// treated on its own, unless a step says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PostStep {
    /// Keep the `count` largest components of a label (26-connected). Among equals the last in C order stays, as in MONAI's
    /// `KeepLargestConnectedComponent`.
    KeepLargest {
        /// Components kept, at least 1.
        count: usize,
        /// The labels concerned.
        #[serde(default)]
        labels: Vec<u8>,
        /// True if every label has components of its own; false if those of the labels' union count, which stay or go
        /// with all labels in them.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        independent: bool,
    },
    /// Remove components (26-connected) below this volume.
    MinVolume {
        /// Least volume in mm³; 1 ml is 1000.
        mm3: f64,
        /// The labels concerned.
        #[serde(default)]
        labels: Vec<u8>,
    },
    /// Fill the background that labels enclose on all sides: every 6-connected component of 0 that does not reach the border
    /// of the volume becomes the label that most of its faces touch, the lower one on a tie. With one label this is SciPy's
    /// `binary_fill_holes`.
    FillHoles {
        /// The labels that holes may become.
        #[serde(default)]
        labels: Vec<u8>,
    },
}

/// Cleaning of a predicted mask: steps in their order, a plain value to be stored. The default does nothing.
///
/// No step makes a second volume: components are found on the runs of equal voxels along the rows, those of all labels at
/// once.
///
/// ```
/// use medseg_inference::{Dhw, Geometry, PostProcessing};
/// use ndarray::array;
///
/// let mut mask = array![[[1_u8, 1, 0, 1, 0, 2]]];
/// PostProcessing::default().keep_largest(1).apply(&mut mask, &Geometry::from_spacing(Dhw::splat(1.0))?)?;
/// assert_eq!(mask, array![[[1, 1, 0, 0, 0, 2]]]);
///
/// let stored = r#"[{"fill_holes": {}}, {"min_volume": {"mm3": 500.0, "labels": [2]}}]"#;
/// let steps: PostProcessing = serde_json::from_str(stored)?;
/// assert_eq!(steps.0.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostProcessing(pub Vec<PostStep>);

impl PostProcessing {
    /// These steps and then [`PostStep::KeepLargest`] of every label.
    #[must_use]
    pub fn keep_largest(self, count: usize) -> Self {
        self.then(PostStep::KeepLargest { count, labels: Vec::new(), independent: true })
    }

    /// These steps and then [`PostStep::KeepLargest`] of the union of all labels.
    #[must_use]
    pub fn keep_largest_of_union(self, count: usize) -> Self {
        self.then(PostStep::KeepLargest { count, labels: Vec::new(), independent: false })
    }

    /// These steps and then [`PostStep::MinVolume`] of every label, in millilitres.
    #[must_use]
    pub fn min_volume_ml(self, ml: f64) -> Self {
        self.then(PostStep::MinVolume { mm3: ml * 1000.0, labels: Vec::new() })
    }

    /// These steps and then [`PostStep::FillHoles`] of every label.
    #[must_use]
    pub fn fill_holes(self) -> Self {
        self.then(PostStep::FillHoles { labels: Vec::new() })
    }

    fn then(mut self, step: PostStep) -> Self {
        self.0.push(step);
        self
    }

    /// Refuses steps without meaning.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for 0 components to keep or a volume that is negative or not finite.
    pub fn validate(&self) -> Result<(), InferenceError> {
        for step in &self.0 {
            match *step {
                PostStep::KeepLargest { count: 0, .. } => {
                    return Err(InferenceError::parameter("keep_largest.count", 0, "must be at least 1"));
                }
                PostStep::MinVolume { mm3, .. } if !(mm3 >= 0.0 && mm3.is_finite()) => {
                    return Err(InferenceError::parameter("min_volume.mm3", mm3, "must be at least 0"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Cleans a mask on this grid. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// As [`validate`](PostProcessing::validate).
    pub fn apply(&self, mask: &mut Array3<u8>, geometry: &Geometry) -> Result<(), InferenceError> {
        self.validate()?;
        if !mask.is_standard_layout() {
            *mask = mask.as_standard_layout().into_owned();
        }
        let voxel_mm3 = geometry.voxel_volume_mm3();
        for step in &self.0 {
            match step {
                PostStep::KeepLargest { count, labels, independent } => KeepLargestComponents {
                    labels: chosen(labels),
                    independent: *independent,
                    connectivity: Connectivity::Vertex,
                    components: *count,
                }
                .apply(mask),
                PostStep::MinVolume { mm3, labels } => {
                    // With a little room: 8 voxels of 10 mm³ are 80 mm³.
                    let large = |size: usize| size as f64 * voxel_mm3 >= mm3 * (1.0 - 1e-9);
                    let concerned = |label: u8| labels.is_empty() || labels.contains(&label);
                    remove_components(mask, Connectivity::Vertex, |label, size| concerned(label) && !large(size));
                }
                PostStep::FillHoles { labels } => {
                    FillHoles { labels: chosen(labels), connectivity: Connectivity::Face }.apply(mask);
                }
            }
        }
        Ok(())
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// The labels of a step as the transforms have them: none named means all.
fn chosen(labels: &[u8]) -> Option<Vec<u8>> {
    (!labels.is_empty()).then(|| labels.to_vec())
}
