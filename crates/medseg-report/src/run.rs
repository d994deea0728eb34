//! A finished run's folder, read back for its report.

use std::fs;
use std::path::Path;

use medseg_data::Split;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::charts::StageCurves;
use crate::scores::Scores;
use crate::{ReportError, RunFolder, RunSummary};

/// The order of training.
const STAGES: [&str; 3] = ["coarse", "one_stage", "fine"];

/// The files of a finished run that its report shows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunResults {
    /// The run's folder.
    pub folder: RunFolder,
    /// `config.json`.
    pub config: Value,
    /// `split.json`.
    pub split: Split,
    /// `summary.json`.
    pub summary: RunSummary,
    /// `metrics.csv`.
    pub scores: Scores,
    /// Every stage's `history.csv`, in the order of training.
    pub curves: Vec<StageCurves>,
    /// `warnings.txt`, each once.
    pub warnings: Vec<String>,
}

impl RunResults {
    /// Reads the folder of a finished run.
    ///
    /// # Errors
    /// The file that is missing or wrong.
    pub fn read(folder: &Path) -> Result<Self, ReportError> {
        let run = RunFolder::new(folder);
        let summary: RunSummary = read_json(&run.summary())?;
        let mut stages: Vec<&String> = summary.stages.keys().collect();
        stages.sort_by_key(|name| STAGES.iter().position(|s| s == name).unwrap_or(STAGES.len()));
        let curves = stages.iter().map(|name| {
            let mut curves = read_history(name, &run.stage(name).history())?;
            curves.best_epoch = summary.stages.get(*name).map(|s| s.best_epoch).filter(|e| *e > 0);
            Ok(curves)
        });
        Ok(Self {
            config: read_json(&run.config())?,
            split: Split::read(run.split())?,
            scores: Scores::read(&run.metrics())?,
            curves: curves.collect::<Result<_, ReportError>>()?,
            warnings: run.read_warnings(),
            folder: run,
            summary,
        })
    }

    /// The stages' names in the order of training; the last one's masks are the run's.
    pub fn stages(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.curves.iter().map(|c| c.stage.as_str())
    }

    /// The stage whose masks are the run's.
    #[must_use]
    pub fn final_stage(&self) -> &str {
        self.stages().next_back().unwrap_or_default()
    }

    /// The stage's name for people, who read "two-stage" better than "fine" of the result of both.
    #[must_use]
    pub fn title_of<'a>(&self, stage: &'a str) -> &'a str {
        match stage {
            "fine" => "two-stage",
            "one_stage" => "one-stage",
            other => other,
        }
    }

    /// A stage, or one of its classes, for people.
    #[must_use]
    pub fn title_of_class(&self, stage: &str, class: Option<&str>) -> String {
        let stage = self.title_of(stage);
        class.map_or_else(|| stage.to_string(), |class| format!("{stage}, label {class}"))
    }

    /// A stage as a whole, then its classes, where there are several.
    pub fn parts_of<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        std::iter::once(None).chain(self.scores.classes(stage).into_iter().map(Some))
    }

    /// The PNG file of a case's overlay.
    #[must_use]
    pub fn overlay(&self, case: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.overlay(case)).ok()
    }
}

/// Reads a JSON file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    let text = fs::read(path).map_err(ReportError::io("read", path))?;
    serde_json::from_slice(&text).map_err(ReportError::json(path))
}

/// Reads the columns that are drawn, wherever they stand.
fn read_history(stage: &str, path: &Path) -> Result<StageCurves, ReportError> {
    let fail = |reason: String| ReportError::table(path, reason);
    let mut reader = csv::Reader::from_path(path).map_err(|e| fail(e.to_string()))?;
    let header = reader.headers().map_err(|e| fail(e.to_string()))?.clone();
    let mut curves = StageCurves { stage: stage.to_string(), ..StageCurves::default() };
    for record in reader.records() {
        let record = record.map_err(|e| fail(e.to_string()))?;
        let value =
            |name: &str| -> Option<f64> { record.get(header.iter().position(|h| h == name)?)?.trim().parse().ok() };
        let epoch = value("epoch").filter(|e| *e >= 1.0).ok_or_else(|| fail("a row has no epoch".into()))?;
        curves.epochs = curves.epochs.max(epoch as usize);
        for (name, points) in
            [("loss", &mut curves.loss), ("validation_dice", &mut curves.dice), ("lr", &mut curves.lr)]
        {
            points.extend(value(name).map(|v| (epoch, v)));
        }
    }
    Ok(curves)
}
