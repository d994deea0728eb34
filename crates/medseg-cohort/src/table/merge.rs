//! One table of all records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use medseg_files::write_atomic;
use serde::{Deserialize, Serialize};

use super::csv_cell::cell;
use super::{CaseStatus, TableRow};
use crate::{CohortError, CohortFolder};

/// Rows of a cohort, sorted by case.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// The rows.
    pub rows: Vec<TableRow>,
    /// Records that could not be read; another run does their cases again.
    #[serde(default)]
    pub damaged_records: usize,
}

impl Table {
    /// Sorts rows into a table; of several rows of one case the last one stays, and a case comes before an input that was
    /// passed over under its id.
    #[must_use]
    pub fn new(rows: Vec<TableRow>) -> Self {
        let mut sorted: BTreeMap<String, TableRow> = BTreeMap::new();
        for row in rows {
            let passed_over = row.status == CaseStatus::PassedOver;
            if !(passed_over && sorted.contains_key(&row.case)) {
                sorted.insert(row.case.clone(), row);
            }
        }
        Self { rows: sorted.into_values().collect(), damaged_records: 0 }
    }

    /// The number of cases of this state.
    #[must_use]
    pub fn count(&self, status: CaseStatus) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }

    /// CSV by [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180), a column `ml LABEL` for each label. No cell is a formula.
    ///
    /// ```
    /// use medseg_cohort::{CaseStatus, Table, TableRow};
    /// let table = Table::new(vec![TableRow::new("=1+1", CaseStatus::Done, "a, b.nii")]);
    /// assert!(table.csv().lines().nth(1).unwrap().starts_with("'=1+1,done,\"a, b.nii\","));
    /// ```
    #[must_use]
    pub fn csv(&self) -> String {
        let labels: BTreeSet<&String> = self.rows.iter().flat_map(|row| row.volumes_ml.keys()).collect();
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let fixed = ["case", "status", "input", "seconds_read", "seconds_process", "seconds_write", "peak_memory_mib"];
        let mut rows = vec![
            (fixed.iter().map(ToString::to_string))
                .chain(labels.iter().map(|label| format!("ml {label}")))
                .chain(["warnings", "failure", "error"].map(String::from))
                .collect::<Vec<String>>(),
        ];
        let seconds = |seconds: Option<f64>| seconds.map_or(String::new(), |seconds| format!("{seconds:.3}"));
        for row in &self.rows {
            let mut cells = vec![row.case.clone(), row.status.name().into(), row.input.clone()];
            cells.extend([row.seconds_read, row.seconds_process, row.seconds_write].map(seconds));
            cells.push(row.peak_memory_bytes.map_or(String::new(), |bytes| (bytes >> 20).to_string()));
            let volume = |label: &&String| row.volumes_ml.get(*label).map_or(String::new(), f64::to_string);
            cells.extend(labels.iter().map(volume));
            cells.push(row.warnings.join("; "));
            cells.push(row.failure.map_or(String::new(), |failure| failure.name().into()));
            cells.push(row.error.clone().unwrap_or_default());
            rows.push(cells);
        }
        for cells in rows {
            // Rows of one length, written to memory: this cannot fail.
            let _ = writer.write_record(cells.iter().map(|text| cell(text)));
        }
        String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
    }

    /// JSON: an object with the rows.
    #[must_use]
    pub fn json(&self) -> String {
        // Rows hold no map with keys other than text, and numbers that are none become null.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Makes one table of all records of an output folder, and writes `table.csv` and `table.json` there.
///
/// It reads the records alone, so it may run at any time, in any order, as often as wanted. Cases without a record are not
/// in it.
///
/// # Errors
/// A folder that is missing or cannot be listed, and a table that cannot be written.
pub fn merge(folder: &CohortFolder) -> Result<Table, CohortError> {
    fs::read_dir(folder.root()).map_err(CohortError::io("list", folder.root()))?;
    let (records, damaged_records) = folder.records()?;
    let mut rows: Vec<TableRow> = records.into_iter().map(|record| record.row).collect();
    // Cases first, so that their rows win.
    rows.sort_by_key(|row| row.status == CaseStatus::PassedOver);
    let table = Table { damaged_records, ..Table::new(rows) };
    for (name, text) in [("table.csv", table.csv()), ("table.json", table.json())] {
        let path = folder.root().join(name);
        write_atomic(&path, text.as_bytes()).map_err(CohortError::io("write", path))?;
    }
    Ok(table)
}
