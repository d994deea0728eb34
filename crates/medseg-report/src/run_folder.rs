//! Places of the files in a run's folder, and those written by this crate.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use medseg_files::write_atomic;

use crate::{CaseRow, EpochRecord, ReportError, RunSummary, curves_png, curves_svg, history_csv, history_jsonl};

/// The folder of a run: names of its files, whether they exist or not.
///
/// ```
/// use medseg_report::RunFolder;
///
/// let run = RunFolder::new("runs/two_stage");
/// assert_eq!(run.prediction("liver_1"), std::path::Path::new("runs/two_stage/predictions/liver_1.nii.gz"));
/// assert_eq!(run.stage("fine").best_weights(), std::path::Path::new("runs/two_stage/fine/best.safetensors"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Everything that a run writes at the top of its folder, the phantom set apart.
    pub const ENTRIES: [&'static str; 16] = [
        "config.json",
        "split.json",
        "data.json",
        "coarse",
        "fine",
        "one_stage",
        "bundle",
        "predictions",
        "overlays",
        "viewers",
        "metrics.csv",
        "summary.json",
        "report.html",
        "curves.svg",
        "tensorboard",
        "warnings.txt",
    ];

    /// A run's folder at this path; nothing is read or created.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Settings, versions, device and data.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// Cases of training, validation and test.
    #[must_use]
    pub fn split(&self) -> PathBuf {
        self.path.join("split.json")
    }

    /// Cases, their parts of the split and the hashes of their files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path.join("data.json")
    }

    /// Memory of the hashes of files, which later runs in this folder use too.
    #[must_use]
    pub fn hashes(&self) -> PathBuf {
        self.path.join("hashes.json")
    }

    /// Scores of every case, stage and class.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.csv")
    }

    /// Results of every stage; see [`RunSummary`].
    #[must_use]
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.json")
    }

    /// The page for people.
    #[must_use]
    pub fn report(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// Warnings of the run, one a line.
    #[must_use]
    pub fn warnings(&self) -> PathBuf {
        self.path.join("warnings.txt")
    }

    /// The trained networks with all that predicting needs.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.path.join("bundle")
    }

    /// The synthetic data set of a run without data.
    #[must_use]
    pub fn phantom(&self) -> PathBuf {
        self.path.join("phantom")
    }

    /// The folder of the masks.
    #[must_use]
    pub fn predictions(&self) -> PathBuf {
        self.path.join("predictions")
    }

    /// The mask of a case.
    #[must_use]
    pub fn prediction(&self, case: &str) -> PathBuf {
        self.predictions().join(format!("{case}.nii.gz"))
    }

    /// The folder of the pictures.
    #[must_use]
    pub fn overlays(&self) -> PathBuf {
        self.path.join("overlays")
    }

    /// The picture of a case.
    #[must_use]
    pub fn overlay(&self, case: &str) -> PathBuf {
        self.overlays().join(format!("{case}.png"))
    }

    /// The folder of the pages on which volumes are scrolled.
    #[must_use]
    pub fn viewers(&self) -> PathBuf {
        self.path.join("viewers")
    }

    /// The page of the case of this rank: `best`, `median` or `worst`.
    #[must_use]
    pub fn viewer(&self, rank: &str) -> PathBuf {
        self.viewers().join(format!("{rank}.html"))
    }

    /// The folder of a stage's TensorBoard event file.
    #[must_use]
    pub fn tensorboard(&self, stage: &str) -> PathBuf {
        self.path.join("tensorboard").join(stage)
    }

    /// The folder of a stage.
    #[must_use]
    pub fn stage(&self, name: &str) -> StageFolder {
        StageFolder { path: self.path.join(name), name: name.to_string() }
    }

    /// Writes `metrics.csv` and `summary.json`.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn write_results(&self, rows: &[CaseRow], summary: &RunSummary) -> Result<(), ReportError> {
        write(&self.metrics(), CaseRow::table(rows)?.to_csv()?.as_bytes())?;
        let path = self.summary();
        let text = serde_json::to_string_pretty(summary).map_err(ReportError::json(&path))?;
        write(&path, text.as_bytes())
    }

    /// Appends a warning to `warnings.txt` at once, so that a killed run keeps it. Line breaks become spaces.
    ///
    /// # Errors
    /// The system's.
    pub fn append_warning(&self, text: &str) -> io::Result<()> {
        let line = text.replace(['\n', '\r'], " ") + "\n";
        OpenOptions::new().create(true).append(true).open(self.warnings())?.write_all(line.as_bytes())
    }

    /// The warnings, each once; none without the file.
    #[must_use]
    pub fn read_warnings(&self) -> Vec<String> {
        let text = fs::read(self.warnings()).unwrap_or_default();
        let mut lines: Vec<String> = Vec::new();
        for line in String::from_utf8_lossy(&text).lines().filter(|l| !l.trim().is_empty()) {
            if !lines.iter().any(|l| l == line) {
                lines.push(line.to_string());
            }
        }
        lines
    }
}

/// The folder of one stage of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StageFolder {
    path: PathBuf,
    name: String,
}

impl StageFolder {
    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the stage.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Weights of the best epoch.
    #[must_use]
    pub fn best_weights(&self) -> PathBuf {
        self.path.join("best.safetensors")
    }

    /// The epochs as a table; see [`history_csv`].
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// Writes the epochs as `history.csv`, `history.jsonl`, `curves.svg` and `curves.png`.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file, [`ReportError::Drawing`] without an epoch.
    pub fn write_history(&self, history: &[EpochRecord]) -> Result<(), ReportError> {
        write(&self.history(), history_csv(history).as_bytes())?;
        write(&self.path.join("history.jsonl"), history_jsonl(history).as_bytes())?;
        write(&self.path.join("curves.svg"), curves_svg(&self.name, history)?.as_bytes())?;
        write(&self.path.join("curves.png"), &curves_png(&self.name, history)?)
    }
}

/// Writes a file that is the old or the new one at any moment.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    write_atomic(path, bytes).map_err(ReportError::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_kept_over_a_restart_and_each_read_once() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let run = RunFolder::new(dir.path());
            run.append_warning("case a:\nempty").unwrap();
            run.append_warning("case b").unwrap();
        }
        assert_eq!(RunFolder::new(dir.path()).read_warnings(), ["case a: empty", "case b"]);
        assert!(RunFolder::new(dir.path().join("none")).read_warnings().is_empty());
    }
}
