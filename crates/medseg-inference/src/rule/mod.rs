//! From logits to labels.

mod least_logit;
mod reducer;
mod region;

use medseg_transforms::Probabilities;
use medseg_volume::Dhw;
use ndarray::{Array3, ArrayView4, Axis, parallel::prelude::*};
use serde::{Deserialize, Serialize};

use crate::error::InferenceError;
use least_logit::least_logit;
pub(crate) use reducer::{Reducer, Scores};
pub use region::RegionLabel;

/// Most channels of a network whose mask has labels of 8 bits.
const MOST_CHANNELS: usize = 256;

/// The rule by which logits become a mask of u8 labels.
///
/// One channel: 1 where `sigmoid(logit) >= threshold`, else 0. Several channels: the number of the largest, the first one on
/// ties (`argmax`; softmax would not change it). NaN never wins: a voxel whose every logit is NaN is 0.
///
/// With [`regions`](Self::regions) channels overlap: a voxel belongs to each whose sigmoid reaches the threshold, and the first
/// of the list decides its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskRule {
    /// Probability from which a voxel is foreground, 0 to 1: of a single channel, or of each region.
    pub threshold: f32,
    /// Regions that overlap, such as a tumour and its core, those that decide first in front. Empty: classes exclude each other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionLabel>,
}

impl Default for MaskRule {
    fn default() -> Self {
        Self { threshold: 0.5, regions: Vec::new() }
    }
}

impl MaskRule {
    /// The same with another least probability of the foreground, 0 to 1.
    #[must_use]
    pub fn with_threshold(self, threshold: f32) -> Self {
        Self { threshold, ..self }
    }

    /// The same for channels that overlap: the first region of the list that a voxel belongs to gives its label, 0 where there
    /// is none. Channels that are not in the list do not count.
    ///
    /// ```
    /// use medseg_inference::{MaskRule, RegionLabel};
    /// use ndarray::array;
    ///
    /// // Channel 0 is the core, channel 1 the whole tumour, around it and in it.
    /// let rule = MaskRule::default().with_regions([RegionLabel::new(0, 3), RegionLabel::new(1, 2)]);
    /// let logits = array![[[[2.0_f32, -1.0, -1.0]]], [[[3.0, 1.0, -2.0]]]];
    /// assert_eq!(rule.apply(&logits.view())?, array![[[3, 2, 0]]]);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    #[must_use]
    pub fn with_regions(self, regions: impl IntoIterator<Item = RegionLabel>) -> Self {
        Self { regions: regions.into_iter().collect(), ..self }
    }

    /// True if channels are regions that overlap.
    #[must_use]
    pub fn has_regions(&self) -> bool {
        !self.regions.is_empty()
    }

    /// From logits to the probabilities that this rule is about, for a network of so many channels.
    #[must_use]
    pub fn probabilities(&self, channels: usize) -> Probabilities {
        if self.has_regions() { Probabilities::Sigmoid } else { Probabilities::usual(channels) }
    }

    /// Reduces logits `[class, depth, height, width]` to a mask.
    ///
    /// ```
    /// use medseg_inference::MaskRule;
    /// use ndarray::array;
    ///
    /// let logits = array![[[[-1.0_f32, 0.0, f32::NAN]]]];
    /// assert_eq!(MaskRule::default().apply(&logits.view())?, array![[[0, 1, 0]]]);
    /// # Ok::<(), medseg_inference::InferenceError>(())
    /// ```
    ///
    /// # Errors
    /// As [`validate_for`](Self::validate_for), and [`InferenceError::EmptyImage`] for no channel.
    pub fn apply(&self, logits: &ArrayView4<f32>) -> Result<Array3<u8>, InferenceError> {
        self.apply_to(logits, Scores::Logits)
    }

    /// Reduces probabilities `[class, depth, height, width]`, 0 to 1, to a mask.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_to_probabilities(&self, probabilities: &ArrayView4<f32>) -> Result<Array3<u8>, InferenceError> {
        self.apply_to(probabilities, Scores::Probabilities)
    }

    /// As [`apply`](Self::apply), for logits or probabilities.
    pub(crate) fn apply_to(&self, logits: &ArrayView4<f32>, scores: Scores) -> Result<Array3<u8>, InferenceError> {
        let (channels, d, h, w) = logits.dim();
        if channels == 0 {
            return Err(InferenceError::EmptyImage { channels, shape: Dhw { d, h, w } });
        }
        let reducer = Reducer::new(self, scores, channels)?;
        let mut mask = Array3::zeros((d, h, w));
        mask.axis_iter_mut(Axis(0)).into_par_iter().zip(logits.axis_iter(Axis(1))).for_each(|(mut plane, logits)| {
            let (mut scores, mut labels, mut best) = (vec![0.0; w], vec![0; w], reducer.best(w));
            for (y, mut to) in plane.rows_mut().into_iter().enumerate() {
                for (channel, logits) in logits.axis_iter(Axis(0)).enumerate() {
                    scores.iter_mut().zip(logits.row(y)).for_each(|(to, from)| *to = *from);
                    reducer.take(channel, &scores, &mut best, &mut labels);
                }
                to.iter_mut().zip(&labels).for_each(|(to, from)| *to = *from);
            }
        });
        Ok(mask)
    }

    /// The smallest score that is foreground; NaN if none is.
    pub(crate) fn least(&self, scores: Scores) -> f32 {
        match scores {
            Scores::Logits => least_logit(self.threshold),
            Scores::Probabilities => self.threshold,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InferenceError::Parameter`] for a threshold outside 0..=1, a channel with two regions, and more than 256 regions.
    pub fn validate(&self) -> Result<(), InferenceError> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(InferenceError::parameter("threshold", self.threshold, "must be from 0 to 1"));
        }
        if self.regions.len() > MOST_CHANNELS {
            let rule = "must be 256 at most: a mask tells no more labels apart";
            return Err(InferenceError::parameter("regions", self.regions.len(), rule));
        }
        let channel = |number: usize| self.regions[number].channel;
        match (0..self.regions.len()).find(|number| (0..*number).any(|before| channel(before) == channel(*number))) {
            Some(twice) => {
                Err(InferenceError::parameter("regions", format!("channel {}", channel(twice)), "is there twice"))
            }
            None => Ok(()),
        }
    }

    /// Checks the parameters for a network of so many output channels.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); [`InferenceError::Parameter`] for a region of a channel that the network has not;
    /// [`InferenceError::TooManyClasses`] for more than 256 channels, and for none.
    pub fn validate_for(&self, channels: usize) -> Result<(), InferenceError> {
        self.validate()?;
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(InferenceError::TooManyClasses { channels });
        }
        match self.regions.iter().find(|region| region.channel >= channels) {
            Some(RegionLabel { channel, .. }) => {
                let rule = "must be a channel of the network's output";
                Err(InferenceError::parameter("regions", format!("channel {channel} of {channels}"), rule))
            }
            None => Ok(()),
        }
    }
}
