//! Tables of scores: rows by key, CSV and JSON, statistics and comparisons.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{MetricsError, PairedDifference, Summary, bootstrap_ci95};

/// A results table: rows named by keys (case, class, method, ...) with a number in each score column.
///
/// As CSV and JSON a score is written in the shortest form that reads back to the same bits. A score that does not exist
/// is `nan` in CSV and `null` in JSON, an infinite one `inf` in both.
///
/// ```
/// use medseg_metrics::ScoreTable;
///
/// let mut table = ScoreTable::new(&["case", "method"], &["dice", "hd95_mm"])?;
/// table.push(&["liver_001", "unet"], &[0.95, 3.5])?;
/// table.push(&["liver_002", "unet"], &[0.91, f64::NAN])?;
/// assert_eq!(table.to_csv()?, "case,method,dice,hd95_mm\nliver_001,unet,0.95,3.5\nliver_002,unet,0.91,nan\n");
/// assert_eq!(ScoreTable::read_csv(table.to_csv()?.as_bytes(), &["case", "method"])?.to_csv()?, table.to_csv()?);
/// let dice = &table.summarise(2000, 1)[0];
/// assert_eq!((dice.score.as_str(), dice.summary.count), ("dice", 2));
/// # Ok::<(), medseg_metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTable {
    keys: Vec<String>,
    scores: Vec<String>,
    rows: Vec<Row>,
}

/// One row of a [`ScoreTable`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// Keys that name the row, one for each key column.
    pub keys: Vec<String>,
    /// One number for each score column.
    pub scores: Vec<f64>,
}

/// Statistics of one column of a [`ScoreTable`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScoreSummary {
    /// The column.
    pub score: String,
    /// Mean, median, standard deviation, extremes and counts.
    #[serde(flatten)]
    pub summary: Summary,
    /// 95 % bootstrap interval of the mean; `None` without a finite score.
    pub ci95: Option<(f64, f64)>,
}

impl ScoreTable {
    /// An empty table with these columns.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if two columns have the same name.
    pub fn new(keys: &[&str], scores: &[&str]) -> Result<Self, MetricsError> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let table = Self { keys: owned(keys), scores: owned(scores), rows: Vec::new() };
        let names: Vec<&String> = table.keys.iter().chain(&table.scores).collect();
        match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            Some((_, name)) => Err(MetricsError::Table(format!("column {name:?} is named twice"))),
            None => Ok(table),
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if there are not as many keys and scores as columns.
    pub fn push(&mut self, keys: &[&str], scores: &[f64]) -> Result<(), MetricsError> {
        let row = Row { keys: keys.iter().map(ToString::to_string).collect(), scores: scores.to_vec() };
        self.push_row(row)
    }

    fn push_row(&mut self, row: Row) -> Result<(), MetricsError> {
        let (found, expected) = ((row.keys.len(), row.scores.len()), (self.keys.len(), self.scores.len()));
        if found != expected {
            let message = format!("row {:?} has {found:?} keys and scores, the table {expected:?}", row.keys);
            return Err(MetricsError::Table(message));
        }
        self.rows.push(row);
        Ok(())
    }

    /// The names of the score columns.
    #[must_use]
    pub fn scores(&self) -> &[String] {
        &self.scores
    }

    /// The rows in the order in which they came.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows whose column `key` says `value`, as a table with the same columns.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if there is no such key column.
    pub fn only(&self, key: &str, value: &str) -> Result<Self, MetricsError> {
        let column = position(&self.keys, key)?;
        let rows = self.rows.iter().filter(|row| row.keys[column] == value).cloned().collect();
        Ok(Self { rows, ..self.clone() })
    }

    /// The scores of one column.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if there is no such score column.
    pub fn column(&self, score: &str) -> Result<Vec<f64>, MetricsError> {
        let column = position(&self.scores, score)?;
        Ok(self.rows.iter().map(|row| row.scores[column]).collect())
    }

    /// Statistics of every score column; `resamples` and `seed` are those of [`bootstrap_ci95`].
    #[must_use]
    pub fn summarise(&self, resamples: usize, seed: u64) -> Vec<ScoreSummary> {
        let of_column = |(column, score): (usize, &String)| {
            let values: Vec<f64> = self.rows.iter().map(|row| row.scores[column]).collect();
            let ci95 = bootstrap_ci95(&values, resamples, seed);
            ScoreSummary { score: score.clone(), summary: Summary::from_values(&values), ci95 }
        };
        self.scores.iter().enumerate().map(of_column).collect()
    }

    /// The difference in one score, this table's less the other's, over the rows with the same value in column `key`.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if a table lacks one of the columns, names a row twice, or if the two do not have the same
    /// rows.
    pub fn compare(
        &self,
        other: &Self,
        key: &str,
        score: &str,
        resamples: usize,
        seed: u64,
    ) -> Result<PairedDifference, MetricsError> {
        let (a, b) = (self.named_scores(key, score)?, other.named_scores(key, score)?);
        if let Some(name) =
            a.keys().find(|name| !b.contains_key(*name)).or(b.keys().find(|name| !a.contains_key(*name)))
        {
            return Err(MetricsError::Table(format!("only one of the tables has {key} {name:?}")));
        }
        let values = |map: BTreeMap<&str, f64>| map.into_values().collect::<Vec<_>>();
        PairedDifference::new(&values(a), &values(b), resamples, seed)
    }

    fn named_scores(&self, key: &str, score: &str) -> Result<BTreeMap<&str, f64>, MetricsError> {
        let (key_column, column) = (position(&self.keys, key)?, position(&self.scores, score)?);
        let mut named = BTreeMap::new();
        for row in &self.rows {
            let name = row.keys[key_column].as_str();
            if named.insert(name, row.scores[column]).is_some() {
                return Err(MetricsError::Table(format!("two rows have {key} {name:?}")));
            }
        }
        Ok(named)
    }

    /// Writes the table as CSV with a header line.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if writing fails.
    pub fn write_csv(&self, to: impl Write) -> Result<(), MetricsError> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(self.keys.iter().chain(&self.scores)).map_err(MetricsError::table)?;
        for row in &self.rows {
            let scores = row.scores.iter().map(|score| csv_number(*score));
            writer.write_record(row.keys.iter().cloned().chain(scores)).map_err(MetricsError::table)?;
        }
        writer.flush().map_err(MetricsError::table)
    }

    /// The table as CSV text.
    ///
    /// # Errors
    /// As [`write_csv`](Self::write_csv).
    pub fn to_csv(&self) -> Result<String, MetricsError> {
        let mut bytes = Vec::new();
        self.write_csv(&mut bytes)?;
        String::from_utf8(bytes).map_err(MetricsError::table)
    }

    /// Reads CSV with a header line: the columns named in `keys`, in any order, are keys, every other one is a score.
    ///
    /// # Errors
    /// [`MetricsError::Table`] names the line and the column that is not a number, a key that is missing, or a row of
    /// the wrong length. An empty field is a missing score.
    pub fn read_csv(from: impl Read, keys: &[&str]) -> Result<Self, MetricsError> {
        let mut reader = csv::Reader::from_reader(from);
        let header: Vec<String> = reader.headers().map_err(MetricsError::table)?.iter().map(str::to_string).collect();
        let key_columns = keys.iter().map(|key| position(&header, key)).collect::<Result<Vec<_>, _>>()?;
        let score_columns: Vec<usize> = (0..header.len()).filter(|column| !key_columns.contains(column)).collect();
        let scores: Vec<&str> = score_columns.iter().map(|&column| header[column].as_str()).collect();
        let mut table = Self::new(keys, &scores)?;
        for record in reader.records() {
            let record = record.map_err(MetricsError::table)?;
            let line = record.position().map_or(0, csv::Position::line);
            let score = |&column: &usize| {
                parse_number(&record[column]).ok_or_else(|| {
                    let (name, text) = (&header[column], &record[column]);
                    MetricsError::Table(format!("line {line}, column {name:?}: {text:?} is not a number"))
                })
            };
            table.push_row(Row {
                keys: key_columns.iter().map(|&column| record[column].to_string()).collect(),
                scores: score_columns.iter().map(score).collect::<Result<_, _>>()?,
            })?;
        }
        Ok(table)
    }

    /// The table as JSON: an array with one object for each row.
    ///
    /// # Errors
    /// [`MetricsError::Table`] if serialisation fails.
    pub fn to_json(&self) -> Result<String, MetricsError> {
        let object = |row: &Row| -> Map<String, Value> {
            let keys = self.keys.iter().cloned().zip(row.keys.iter().map(|key| Value::from(key.as_str())));
            let scores = self.scores.iter().cloned().zip(row.scores.iter().map(|score| json_number(*score)));
            keys.chain(scores).collect()
        };
        serde_json::to_string_pretty(&self.rows.iter().map(object).collect::<Vec<_>>()).map_err(MetricsError::table)
    }
}

fn position(names: &[String], name: &str) -> Result<usize, MetricsError> {
    let found = names.iter().position(|n| n == name);
    found.ok_or_else(|| MetricsError::Table(format!("no column {name:?} among {names:?}")))
}

fn csv_number(score: f64) -> String {
    if score.is_nan() { "nan".into() } else { score.to_string() }
}

/// NaN for an empty field.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() { Some(f64::NAN) } else { text.parse().ok() }
}

fn json_number(score: f64) -> Value {
    if score.is_infinite() { Value::from(score.to_string()) } else { Value::from(score) }
}
