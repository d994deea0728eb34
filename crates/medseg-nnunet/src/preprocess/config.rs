//! Preprocessing settings of one configuration of the plans.

use super::{Normalization, PreprocessError, size::check_spacing};
use crate::{LabelResampling, Resampling};

/// Preprocessing settings of one configuration of the plans.
#[derive(Clone, Debug, PartialEq)]
pub struct PreprocessConfig {
    /// Axes of the image in the network's order.
    pub transpose_forward: [usize; 3],
    /// Axes of the network's array in the image's order.
    pub transpose_backward: [usize; 3],
    /// The network's spacing in mm, after transposing; two entries leave the first axis as it is.
    pub spacing: Vec<f64>,
    /// The normalization of each channel.
    pub normalizations: Vec<Normalization>,
    /// The resampling of the image.
    pub image_resampling: Resampling,
    /// The stage before, if the configuration is that of a cascade.
    pub previous: Option<PreviousStage>,
}

/// Settings for the mask of a cascade's stage before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousStage {
    /// Foreground labels in ascending order; each becomes a channel.
    pub labels: Vec<i16>,
    /// The resampling of the mask.
    pub resampling: LabelResampling,
}

impl PreprocessConfig {
    /// Finds settings that no image can be preprocessed with.
    ///
    /// # Errors
    /// A transpose that does not name each axis once, or is not the inverse of the other. A spacing that is not two or
    /// three finite numbers above 0.
    pub fn validate(&self) -> Result<(), PreprocessError> {
        let (forward, backward) = (self.transpose_forward, self.transpose_backward);
        for axes in [forward, backward] {
            if !(0..3).all(|axis| axes.contains(&axis)) {
                return Err(PreprocessError::Axes { axes });
            }
        }
        if (0..3).any(|axis| forward[backward[axis]] != axis) {
            return Err(PreprocessError::Axes { axes: backward });
        }
        if !(2..=3).contains(&self.spacing.len()) {
            return Err(PreprocessError::Spacing { spacing: self.spacing.clone() });
        }
        check_spacing(&self.spacing)
    }

    /// The network's spacing of an image of this spacing, both transposed.
    pub(super) fn network_spacing(&self, spacing: [f64; 3]) -> [f64; 3] {
        match self.spacing[..] {
            [d, h, w] => [d, h, w],
            [h, w] => [spacing[0], h, w],
            _ => spacing,
        }
    }
}
