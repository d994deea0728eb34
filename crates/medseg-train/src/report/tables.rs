//! `metrics.csv` and `summary.json`.

use std::collections::BTreeMap;
use std::fmt::Write;

use medseg_metrics::CaseMetrics;
use serde::{Deserialize, Serialize};

/// One row of `metrics.csv`: one case in one stage.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// The case.
    pub case: String,
    /// The stage: `coarse`, `fine` or `one_stage`.
    pub stage: String,
    /// Its metrics on the input's grid.
    pub metrics: CaseMetrics,
    /// Seconds from the loaded image to the mask of this stage.
    pub seconds: f64,
}

const HEADER: &str = "case,stage,dice,iou,hd95_mm,assd_mm,surface_dice,volume_ml_reference,volume_ml_predicted,seconds";

/// The rows as CSV. `nan` marks what the reference or the prediction leaves undefined, such as the Dice of a case whose
/// reference has no foreground; `inf` the distance to an empty mask.
#[must_use]
pub fn metrics_csv(rows: &[CaseRow]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let m = &row.metrics;
        let values =
            [m.dice, m.iou, m.hd95_mm, m.assd_mm, m.surface_dice, m.volume_ml_reference, m.volume_ml_predicted];
        write!(text, "{},{}", csv_field(&row.case), row.stage).expect("writing to a string");
        for v in values {
            write!(text, ",{}", number(v)).expect("writing to a string");
        }
        writeln!(text, ",{:.3}", row.seconds).expect("writing to a string");
    }
    text
}

fn number(v: f64) -> String {
    if v.is_nan() {
        "nan".into()
    } else if v.is_infinite() {
        "inf".into()
    } else {
        format!("{v:.6}")
    }
}

/// Quotes a field that holds a comma, a quote or a line break.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

/// What one stage reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    /// Predicted cases.
    pub cases: usize,
    /// Cases left out of the mean because their reference has no foreground.
    pub cases_without_reference: usize,
    /// Mean Dice per case; `None` if no case has foreground.
    pub dice_mean: Option<f64>,
    /// Mean Dice of each class by its label value, where the stage tells several apart.
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
    /// predicted, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Memory that Burn had taken of the first device's own by the end of the stage's training; not for the CPU backends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_memory_bytes: Option<u64>,
}

/// `summary.json`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_are_quoted_and_undefined_values_named() {
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!([f64::NAN, f64::INFINITY, 0.5].map(number), ["nan", "inf", "0.500000"]);
    }
}
