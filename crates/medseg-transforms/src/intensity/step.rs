//! Changes of intensities as a step.

use ndarray::Axis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{IntensityChange, Sample, Transform, TransformError};

/// Which channels are changed, and whose statistics count.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// All, with statistics over all of them (MONAI's `channel_wise = False`).
    #[default]
    Together,
    /// All, each with its own statistics (MONAI's `channel_wise = True`).
    Each,
    /// Those with these numbers, each with its own statistics.
    Only(Vec<usize>),
}

/// Changes intensities.
///
/// ```
/// use medseg_transforms::{Channels, ChangeIntensity, CtWindow, NormalizeIntensity, Pipeline};
///
/// let liver = ChangeIntensity::together(CtWindow::Liver);
/// let each = ChangeIntensity { channels: Channels::Each, change: NormalizeIntensity::default().into() };
/// let pipeline = Pipeline::<medseg_transforms::Step>::new().then(liver).then(each);
/// let same = serde_json::from_str(
///     r#"{"steps": [
///         {"transform": "intensity", "change": {"ct_window": "liver"}},
///         {"transform": "intensity", "change": {"normalize_intensity": {}}, "channels": "each"}
///     ]}"#,
/// )?;
/// assert_eq!(pipeline, same);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeIntensity {
    /// The change.
    pub change: IntensityChange,
    /// To which channels.
    #[serde(default)]
    pub channels: Channels,
}

impl ChangeIntensity {
    /// Of all channels, with statistics over all of them.
    pub fn together(change: impl Into<IntensityChange>) -> Self {
        Self { change: change.into(), channels: Channels::Together }
    }
}

impl Transform for ChangeIntensity {
    fn name(&self) -> String {
        "intensity".into()
    }

    fn validate(&self) -> Result<(), TransformError> {
        self.change.validate()
    }

    fn apply(&self, sample: &mut Sample, _: &Value) -> Result<(), TransformError> {
        let count = sample.image.dim().0;
        match &self.channels {
            Channels::Together => self.change.apply_together(&mut sample.image.view_mut()),
            Channels::Each => {
                sample.image.axis_iter_mut(Axis(0)).try_for_each(|mut channel| self.change.apply(&mut channel))
            }
            Channels::Only(numbers) => numbers.iter().try_for_each(|number| {
                if *number >= count {
                    return Err(TransformError::parameter("channel", number, "is not one of the image's"));
                }
                self.change.apply(&mut sample.image.index_axis_mut(Axis(0), *number))
            }),
        }
    }
}
