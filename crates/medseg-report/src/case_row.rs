//! Rows of `metrics.csv` as a run measures them.

use medseg_metrics::{CaseMetrics, MetricsError, ScoreTable};
use serde::{Deserialize, Serialize};

/// Columns of `metrics.csv` that name a row.
pub(crate) const KEYS: [&str; 3] = ["case", "stage", "class"];

/// Columns of `metrics.csv` that hold numbers.
const SCORES: [&str; 8] =
    ["dice", "iou", "hd95_mm", "assd_mm", "surface_dice", "volume_ml_reference", "volume_ml_predicted", "seconds"];

/// One row of `metrics.csv`: the scores of one case in one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRow {
    /// Name of the case.
    pub case: String,
    /// Name of the stage: `coarse`, `fine` or `one_stage`.
    pub stage: String,
    /// Label value of the class; `None` for the stage as a whole, whose scores are means over its classes.
    pub class: Option<u8>,
    /// Scores on the input's grid.
    pub metrics: CaseMetrics,
    /// Seconds from the loaded image to the mask.
    pub seconds: f64,
}

impl CaseRow {
    /// The rows as the table of `metrics.csv`, with the columns case, stage, class and the scores. The class is empty in
    /// the row of a whole stage. A score that the reference or the prediction leaves undefined is NaN.
    ///
    /// # Errors
    /// None for rows of this type; the table checks its columns.
    pub fn table(rows: &[Self]) -> Result<ScoreTable, MetricsError> {
        let mut table = ScoreTable::new(&KEYS, &SCORES)?;
        for row in rows {
            let class = row.class.map_or_else(String::new, |class| class.to_string());
            let m = &row.metrics;
            let seconds = (row.seconds * 1000.0).round() / 1000.0;
            table.push(
                &[&row.case, &row.stage, &class],
                &[
                    m.dice,
                    m.iou,
                    m.hd95_mm,
                    m.assd_mm,
                    m.surface_dice,
                    m.volume_ml_reference,
                    m.volume_ml_predicted,
                    seconds,
                ],
            )?;
        }
        Ok(table)
    }
}
