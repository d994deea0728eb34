//! `metrics.csv` read back: what every case reached in every stage.

use std::path::Path;

use crate::TrainError;

/// How a metric is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its column in `metrics.csv`.
    pub column: String,
    /// For people, with the unit.
    pub title: String,
    /// Decimals.
    pub digits: usize,
    /// Whether it says how good a mask is, so that it is compared and drawn.
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
    /// The class, in runs of several.
    pub class: Option<String>,
    /// In the order of the metrics; NaN where undefined, infinite for the distance to an empty mask.
    pub values: Vec<f64>,
}

/// `metrics.csv`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Its columns of numbers.
    pub metrics: Vec<Metric>,
    /// Its rows.
    pub rows: Vec<Score>,
}

impl Scores {
    /// Reads the table by its header; columns beside `case`, `stage` and `class` hold numbers, `nan`, `inf` or nothing.
    ///
    /// # Errors
    /// [`TrainError::NotARun`] naming the file and the row that is wrong.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let fail = |reason: String| TrainError::NotARun { path: path.to_path_buf(), reason };
        let mut reader = csv::Reader::from_path(path).map_err(|e| fail(e.to_string()))?;
        let header: Vec<String> = reader.headers().map_err(|e| fail(e.to_string()))?.iter().map(Into::into).collect();
        let column = |name: &str| header.iter().position(|h| h == name);
        let names = |name: &str| column(name).ok_or_else(|| fail(format!("it has no column {name}")));
        let (case, stage, class) = (names("case")?, names("stage")?, column("class"));
        let numbers: Vec<usize> =
            (0..header.len()).filter(|i| ![Some(case), Some(stage), class].contains(&Some(*i))).collect();
        let mut rows = Vec::new();
        for (number, record) in reader.records().enumerate() {
            let record = record.map_err(|e| fail(e.to_string()))?;
            let values = numbers.iter().map(|&i| match record[i].trim() {
                "" => Ok(f64::NAN),
                text => text
                    .parse()
                    .map_err(|_| fail(format!("row {}: {} is {text:?}, not a number", number + 1, header[i]))),
            });
            rows.push(Score {
                case: record[case].into(),
                stage: record[stage].into(),
                class: class.map(|i| record[i].to_string()).filter(|c| !c.is_empty()),
                values: values.collect::<Result<_, _>>()?,
            });
        }
        Ok(Self { metrics: numbers.iter().map(|&i| Metric::of(&header[i])).collect(), rows })
    }

    /// Where a metric's values stand in every row.
    #[must_use]
    pub fn index(&self, column: &str) -> Option<usize> {
        self.metrics.iter().position(|m| m.column == column)
    }

    /// The rows of one stage.
    pub fn of_stage<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Score> {
        self.rows.iter().filter(move |r| r.stage == stage)
    }

    /// One metric of one stage, in the rows' order.
    #[must_use]
    pub fn values(&self, stage: &str, metric: usize) -> Vec<f64> {
        self.of_stage(stage).map(|r| r.values[metric]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Scores, TrainError> {
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
        assert_eq!(scores.values("coarse", 0), [0.5]);
        assert_eq!(scores.index("hd95_mm"), Some(1));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = read("case,stage,dice\na,fine,good\n").unwrap_err().to_string();
        assert!(error.contains("row 1") && error.contains("dice") && error.contains("good"), "{error}");
        assert!(read("case,dice\na,1\n").unwrap_err().to_string().contains("stage"));
    }
}
