//! `summary.json`: results of a run and its stages.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Results of one stage.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct StageSummary {
    /// Predicted cases.
    pub cases: usize,
    /// Cases left out of the mean because their reference has no foreground.
    pub cases_without_reference: usize,
    /// Mean Dice per case; `None` if no case has foreground.
    pub dice_mean: Option<f64>,
    /// Mean Dice of each class by its label value, where the stage has several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub class_dice_mean: BTreeMap<String, f64>,
    /// Bootstrap 95 % interval of the mean; `None` below two cases.
    pub dice_ci95: Option<[f64; 2]>,
    /// Best mean Dice of the validations during training.
    pub best_validation_dice: Option<f64>,
    /// The epoch whose weights predicted.
    pub best_epoch: usize,
    /// Trained epochs.
    pub epochs: usize,
    /// Seconds of training and validation, summed over the epochs (those before a resume included).
    pub seconds_train: f64,
    /// Of these, seconds in which the network waited for data.
    #[serde(default)]
    pub seconds_waiting: f64,
    /// Seconds of prediction over all cases.
    pub seconds_predict: f64,
    /// Highest resident memory of the processes that trained the stage, those before a resume included, and of the one that
    /// predicted, where the system reports it.
    pub peak_memory_bytes: Option<u64>,
    /// Memory that Burn had taken of the first device's own by the end of the stage's training; not for the CPU backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_memory_bytes: Option<u64>,
}

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct RunSummary {
    /// `one_stage` or `two_stage`.
    pub experiment: String,
    /// Per stage.
    pub stages: BTreeMap<String, StageSummary>,
    /// Two-stage: cases whose reference has foreground and whose coarse mask found none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coarse_missed_cases: Option<usize>,
    /// Two-stage: cases whose mask reached a face of the coarse box inside the image, so that the box grew once or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roi_grown_cases: Option<usize>,
    /// Two-stage: cases whose whole volume was searched instead of a box: the coarse mask was empty or too small, or the
    /// mask found in the box was empty or still reached its face after the last growth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roi_fallbacks: Option<usize>,
    /// Held-out cases that could not be read and were left out, as `data.on_bad_case = "skip"` allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_cases: Vec<String>,
}
