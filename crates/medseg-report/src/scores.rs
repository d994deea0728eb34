//! `metrics.csv` read back: the scores of every case, stage and class.

use std::fs;
use std::path::Path;

use medseg_metrics::{MetricsError, Row, ScoreTable};
use medseg_volume::error_chain;

use crate::ReportError;
use crate::case_row::KEYS;

/// A metric and its form on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its column in `metrics.csv`.
    pub column: String,
    /// For people, with the unit.
    pub title: String,
    /// Decimals.
    pub digits: usize,
    /// True if it measures the quality of a mask, so that it is compared and drawn.
    pub is_score: bool,
}

impl Metric {
    fn of(column: &str) -> Self {
        let (title, digits, is_score) = match column {
            "dice" => ("Dice", 4, true),
            "iou" => ("IoU", 4, true),
            "hd95_mm" => ("HD95 (mm)", 2, true),
            "assd_mm" => ("ASSD (mm)", 2, true),
            "surface_dice" => ("surface Dice", 4, true),
            "volume_ml_reference" => ("reference (ml)", 1, false),
            "volume_ml_predicted" => ("predicted (ml)", 1, false),
            "seconds" => ("time (s)", 2, false),
            other => (other, 4, false),
        };
        Self { column: column.into(), title: title.into(), digits, is_score }
    }
}

/// One row of `metrics.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The case.
    pub case: String,
    /// The stage.
    pub stage: String,
    /// The class, in runs of several; none in the rows of a whole stage, which hold the mean over its classes.
    pub class: Option<String>,
    /// In the order of the metrics; NaN where undefined, infinite for the distance to an empty mask.
    pub values: Vec<f64>,
}

impl Score {
    fn of(row: &Row) -> Self {
        let (stage, class) = match row.keys.get(2) {
            Some(class) => (row.keys[1].as_str(), class.as_str()),
            None => row.keys[1].split_once(':').unwrap_or((&row.keys[1], "")),
        };
        let class = (!class.is_empty()).then(|| class.to_string());
        Self { case: row.keys[0].clone(), stage: stage.to_string(), class, values: row.scores.clone() }
    }
}

/// `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Scores {
    /// Its columns of numbers.
    pub metrics: Vec<Metric>,
    /// Its rows.
    pub rows: Vec<Score>,
}

impl Scores {
    /// Reads the table by its header; columns beside `case`, `stage` and `class` hold numbers, `nan`, `inf` or nothing.
    ///
    /// A table without the column `class` is one of an earlier version: its stage `name:class` is a class of the stage
    /// `name`.
    ///
    /// # Errors
    /// [`ReportError::Table`] naming the file, the line and the column that is wrong.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = fs::read(path).map_err(ReportError::io("read", path))?;
        let fail = |e: MetricsError| ReportError::table(path, error_chain(&e));
        let header = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let has_class = String::from_utf8_lossy(header).split(',').any(|name| name.trim() == KEYS[2]);
        let keys = if has_class { &KEYS[..] } else { &KEYS[..2] };
        let table = ScoreTable::read_csv(text.as_slice(), keys).map_err(fail)?;
        let metrics = table.scores().iter().map(|column| Metric::of(column)).collect();
        Ok(Self { metrics, rows: table.rows().iter().map(Score::of).collect() })
    }

    /// Index of a metric's values in every row.
    #[must_use]
    pub fn index(&self, column: &str) -> Option<usize> {
        self.metrics.iter().position(|m| m.column == column)
    }

    /// The rows of one stage as a whole: one a case.
    pub fn of_stage<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Score> {
        self.of_class(stage, None)
    }

    /// The rows of one of a stage's classes; of the stage as a whole without one.
    pub fn of_class<'a>(&'a self, stage: &'a str, class: Option<&'a str>) -> impl Iterator<Item = &'a Score> {
        self.rows.iter().filter(move |r| r.stage == stage && r.class.as_deref() == class)
    }

    /// The classes that a stage's rows name, in their order; none where there is one class only.
    #[must_use]
    pub fn classes(&self, stage: &str) -> Vec<&str> {
        let mut classes = Vec::new();
        for class in self.rows.iter().filter(|r| r.stage == stage).filter_map(|r| r.class.as_deref()) {
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        classes
    }

    /// One metric of one stage, or of one of its classes, in the rows' order.
    #[must_use]
    pub fn values(&self, stage: &str, class: Option<&str>, metric: usize) -> Vec<f64> {
        self.of_class(stage, class).map(|r| r.values[metric]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scores, ReportError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.csv");
        std::fs::write(&path, text).unwrap();
        Scores::read(&path)
    }

    #[test]
    fn undefined_values_and_quoted_names_are_read() {
        let scores = read("case,stage,dice,hd95_mm\n\"a,\"\"b\",fine,nan,inf\nc,coarse,0.5,\n").unwrap();
        assert_eq!(scores.rows[0].case, "a,\"b");
        assert!(scores.rows[0].values[0].is_nan() && scores.rows[0].values[1].is_infinite());
        assert!(scores.rows[1].values[1].is_nan());
        assert_eq!(scores.values("coarse", None, 0), [0.5]);
        assert_eq!(scores.index("hd95_mm"), Some(1));
    }

    #[test]
    fn a_stages_classes_are_apart_from_the_stage_in_tables_of_both_versions() {
        let old = read("case,stage,dice\na,fine,0.5\na,fine:7,0.4\na,fine:4,0.6\nb,fine,1\nb,fine:7,1\n").unwrap();
        let scores =
            read("case,stage,class,dice\na,fine,,0.5\na,fine,7,0.4\na,fine,4,0.6\nb,fine,,1\nb,fine,7,1\n").unwrap();
        assert_eq!(scores, old);
        assert_eq!(scores.classes("fine"), ["7", "4"]);
        assert!(scores.classes("coarse").is_empty());
        assert_eq!(scores.values("fine", None, 0), [0.5, 1.0]);
        assert_eq!(scores.values("fine", Some("7"), 0), [0.4, 1.0]);
        assert_eq!(scores.values("fine", Some("4"), 0), [0.6]);
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = read("case,stage,dice\na,fine,good\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("dice") && error.contains("good"), "{error}");
        assert!(read("case,dice\na,1\n").unwrap_err().to_string().contains("stage"));
    }
}
