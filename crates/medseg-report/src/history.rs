//! The epochs of a stage: `history.csv` and `history.jsonl`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// One epoch of one stage.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Learning rate of the epoch's first step.
    pub lr: f64,
    /// Mean training loss over the epoch's cases.
    pub loss: f64,
    /// Mean Dice over the validation cases (of a case the mean of its classes), where the epoch was validated and a case
    /// had foreground.
    pub validation_dice: Option<f64>,
    /// Mean Dice of each class where a network has several; `None` for a class that no validation case has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_dice: Vec<Option<f64>>,
    /// Wall time of training and validation, in seconds.
    pub seconds: f64,
    /// Of which the network waited for data.
    #[serde(default)]
    pub seconds_waiting: f64,
}

/// First columns of `history.csv`; the Dice of each class and the seconds follow.
const HEADER: &str = "epoch,lr,loss,validation_dice";

/// The records as CSV; an epoch without validation has empty Dice columns. Networks of several classes have a column
/// `dice_class_N` for each. The last column, `seconds`, is the only one that differs from run to run.
#[must_use]
pub fn history_csv(records: &[EpochRecord]) -> String {
    let classes = records.iter().map(|r| r.class_dice.len()).max().unwrap_or(0);
    let mut text = String::from(HEADER);
    for class in 1..=classes {
        write!(text, ",dice_class_{class}").expect("writing to a string");
    }
    text.push_str(",seconds\n");
    for r in records {
        write!(text, "{},{:e},{:.6},{}", r.epoch, r.lr, r.loss, number(r.validation_dice))
            .expect("writing to a string");
        for class in 0..classes {
            let dice = r.class_dice.get(class).copied().flatten();
            write!(text, ",{}", number(dice)).expect("writing to a string");
        }
        writeln!(text, ",{:.2}", r.seconds).expect("writing to a string");
    }
    text
}

fn number(dice: Option<f64>) -> String {
    dice.map_or_else(String::new, |d| format!("{d:.6}"))
}

/// The records as JSON lines, an object an epoch; a value that is not finite is `null`.
#[must_use]
pub fn history_jsonl(records: &[EpochRecord]) -> String {
    records.iter().filter_map(|r| serde_json::to_string(r).ok()).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, validation_dice: Option<f64>, class_dice: Vec<Option<f64>>) -> EpochRecord {
        EpochRecord { epoch, lr: 0.004, loss: 0.5, validation_dice, class_dice, seconds: 1.0, seconds_waiting: 0.0 }
    }

    #[test]
    fn an_epoch_without_validation_leaves_the_column_empty() {
        let csv = history_csv(&[record(1, None, Vec::new()), record(2, Some(0.75), Vec::new())]);
        assert_eq!(csv, format!("{HEADER},seconds\n1,4e-3,0.500000,,1.00\n2,4e-3,0.500000,0.750000,1.00\n"));
    }

    #[test]
    fn several_classes_have_a_column_each() {
        let csv = history_csv(&[record(1, None, Vec::new()), record(2, Some(0.5), vec![Some(0.5), None])]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], format!("{HEADER},dice_class_1,dice_class_2,seconds"));
        assert_eq!(lines[1..], ["1,4e-3,0.500000,,,,1.00", "2,4e-3,0.500000,0.500000,0.500000,,1.00"]);
    }

    #[test]
    fn every_json_line_is_an_epoch() {
        let record = |epoch, loss| EpochRecord { epoch, loss, ..EpochRecord::default() };
        let lines = history_jsonl(&[record(1, f64::NAN), record(2, 0.25)]);
        let read: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert!(read[0]["loss"].is_null() && read[1]["loss"] == 0.25 && read[1]["epoch"] == 2);
    }
}
