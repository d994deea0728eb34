//! What every epoch reached, and `history.csv`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

/// One epoch of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Learning rate of the epoch's steps.
    pub lr: f64,
    /// Mean training loss over the epoch's steps.
    pub loss: f64,
    /// Mean Dice over the validation cases, where the epoch was validated and a case had foreground.
    pub validation_dice: Option<f64>,
    /// Wall time of training and validation, in seconds.
    pub seconds: f64,
}

/// Header line of `history.csv`.
const HEADER: &str = "epoch,lr,loss,validation_dice,seconds";

/// The records as CSV; an epoch without validation has an empty `validation_dice`.
#[must_use]
pub fn history_csv(records: &[EpochRecord]) -> String {
    let mut text = format!("{HEADER}\n");
    for r in records {
        let dice = r.validation_dice.map_or_else(String::new, |d| format!("{d:.6}"));
        writeln!(text, "{},{:e},{:.6},{dice},{:.2}", r.epoch, r.lr, r.loss, r.seconds).expect("writing to a string");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_without_validation_leaves_the_column_empty() {
        let record =
            |epoch, validation_dice| EpochRecord { epoch, lr: 0.004, loss: 0.5, validation_dice, seconds: 1.0 };
        let csv = history_csv(&[record(1, None), record(2, Some(0.75))]);
        assert_eq!(csv, format!("{HEADER}\n1,4e-3,0.500000,,1.00\n2,4e-3,0.500000,0.750000,1.00\n"));
    }
}
