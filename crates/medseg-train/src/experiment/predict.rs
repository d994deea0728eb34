//! Predicting the held-out cases: masks, overlays, rows of the metrics table.

use medseg_bundle::Prediction;
use medseg_data::{Case, Loader, LoaderOptions, case_reason};
use medseg_metrics::{CaseMetrics, VoxelGrid};
use medseg_report::{CaseRow, RunFolder, display_window, overlay};
use medseg_transforms::{Intensity, Sample};
use medseg_volume::{Geometry, Volume, write_label};
use ndarray::{Array3, Array4, Axis};
use serde::{Deserialize, Serialize};

use super::TrainedRun;
use super::measure::Measure;
use crate::cases::{check_channels, check_finite, load_reference, no_foreground};
use crate::config::{DataConfig, OnBadCase, StageConfig};
use crate::files::write_atomic;
use crate::{Observer, Ranks, Silent, TrainError};

/// Results of the prediction besides the files.
pub(crate) struct Predicted {
    pub rows: Vec<CaseRow>,
    /// Cases with foreground of which the coarse mask has none.
    pub coarse_missed: usize,
    /// Cases whose whole volume was searched for lack of a box.
    pub fallbacks: usize,
    /// Cases whose mask reached a face of the box, which grew once or more.
    pub grown: usize,
    /// Cases that could not be read and were left out, as `data.on_bad_case` allows.
    pub skipped: Vec<String>,
}

/// Results of one case, as the rank that predicted it sends them to the first.
#[derive(Debug, Default, Serialize, Deserialize)]
struct CaseResult {
    /// The case's number.
    number: usize,
    rows: Vec<CaseRow>,
    coarse_missed: bool,
    fallback: bool,
    grown: bool,
    /// The case's name, if it could not be read.
    skipped: Option<String>,
    lines: Vec<Line>,
}

/// Something that an [`Observer`] is shown.
#[derive(Debug, Serialize, Deserialize)]
enum Line {
    Message(String),
    Warning(String),
}

impl Line {
    fn show(&self, observer: &mut dyn Observer) {
        match self {
            Self::Message(text) => observer.message(text),
            Self::Warning(text) => observer.warn(text),
        }
    }
}

/// The cases of this rank with their numbers: case `i` of all goes to rank `i % ranks`.
pub(super) fn share<'a>(cases: &'a [Case], ranks: &dyn Ranks) -> Vec<(usize, &'a Case)> {
    cases.iter().enumerate().skip(ranks.rank()).step_by(ranks.size()).collect()
}

/// Predicts this rank's cases, writes `predictions/<case>.nii.gz` and `overlays/<case>.png`; the next image is read meanwhile.
/// Gives the results of all ranks, in the order of the cases.
pub(crate) fn predict_cases(
    run: &TrainedRun,
    cases: &[Case],
    out: &RunFolder,
    ranks: &dyn Ranks,
    observer: &mut dyn Observer,
) -> Result<Predicted, TrainError> {
    let mine = share(cases, ranks);
    let of: Vec<Case> = mine.iter().map(|(_, case)| (*case).clone()).collect();
    let data = run.config().data.clone();
    let (classes, skip) = (run.config().fine.classes(), run.config().data.on_bad_case == OnBadCase::Skip);
    let ahead = LoaderOptions { workers: 1, prefetch: 1 };
    let loader = Loader::new(mine.len(), ahead, move |i| match load(&of[i], &data, classes) {
        Err(e) if skip => Ok(Err(e)),
        loaded => loaded.map(Ok),
    });
    let mut results = Vec::new();
    observer.begin("prediction", mine.len());
    for (done, ((number, case), loaded)) in mine.iter().zip(loader).enumerate() {
        let mut result = CaseResult { number: *number, ..CaseResult::default() };
        match loaded? {
            Ok(loaded) => result.predict(run, case, loaded, out).map_err(|e| e.in_case(&case.id))?,
            Err(e) => {
                let reason = case_reason(&case.id, &e);
                result.lines.push(Line::Warning(format!("case {} is not predicted: {reason}", case.id)));
                result.skipped = Some(case.id.clone());
            }
        }
        result.lines.iter().for_each(|line| line.show(observer));
        results.push(result);
        observer.advance(done + 1, &case.id);
    }
    observer.end();
    let mut results: Vec<CaseResult> = ranks.gather_values(results)?.into_iter().flatten().collect();
    results.sort_by_key(|result| result.number);
    let of_others = results.iter().filter(|result| result.number % ranks.size() != ranks.rank());
    of_others.flat_map(|result| &result.lines).for_each(|line| line.show(observer));
    Ok(Predicted::of(results))
}

impl Predicted {
    fn of(results: Vec<CaseResult>) -> Self {
        let count = |of: fn(&CaseResult) -> bool| results.iter().filter(|result| of(result)).count();
        Self {
            coarse_missed: count(|result| result.coarse_missed),
            fallbacks: count(|result| result.fallback),
            grown: count(|result| result.grown),
            skipped: results.iter().filter_map(|result| result.skipped.clone()).collect(),
            rows: results.into_iter().flat_map(|result| result.rows).collect(),
        }
    }
}

/// An image and its reference, if it has one.
pub(super) struct Loaded {
    /// `[channel, depth, height, width]`.
    pub image: Array4<f32>,
    pub geometry: Geometry,
    pub reference: Option<Volume<u8>>,
}

/// Reads a case in the files' grid.
pub(super) fn load(case: &Case, data: &DataConfig, classes: usize) -> Result<Loaded, TrainError> {
    let read = || {
        check_channels(case, data.channels)?;
        let unlabelled = Case { label: None, ..case.clone() };
        let Sample { image, geometry, .. } = unlabelled.read()?;
        check_finite(&image, &case.image)?;
        Ok(Loaded { image, geometry, reference: load_reference(case, &data.labels, classes)? })
    };
    read().map_err(|e: TrainError| e.in_case(&case.id))
}

impl CaseResult {
    /// Predicts and measures a case, and writes its files.
    fn predict(&mut self, run: &TrainedRun, case: &Case, loaded: Loaded, out: &RunFolder) -> Result<(), TrainError> {
        let Loaded { image, geometry, reference } = loaded;
        // Pictures show the first channel.
        let shown = Volume::new(image.index_axis(Axis(0), 0).to_owned(), geometry);
        let prediction = run.predict_channels(image, &shown.geometry, &mut Silent)?;
        self.note_detours(&case.id, &prediction);
        write_label(out.prediction(&case.id), &prediction.mask)?;
        if reference.as_ref().is_some_and(|r| r.data.iter().all(|v| *v == 0)) {
            self.lines.push(Line::Warning(format!("{}; it is left out of the mean Dice", no_foreground(case))));
        }
        self.measure(run, &case.id, &shown, reference.as_ref().map(|r| &r.data), &prediction)?;
        let picture = draw(run, &shown, reference.as_ref().map(|r| &r.data), &prediction)?;
        write_atomic(&out.overlay(&case.id), &picture)
    }

    /// Notes where the cascade did not go straight from the coarse box to the mask.
    fn note_detours(&mut self, case: &str, prediction: &Prediction) {
        let Some(report) = &prediction.report.cascade else { return };
        (self.fallback, self.grown) = (report.fallback.is_some(), report.roi_grown > 0);
        if report.roi_grown > 0 {
            let times = report.roi_grown;
            let text = format!("case {case}: the mask reached the box's face, which grew {times} time(s)");
            self.lines.push(Line::Message(text));
        }
        if let Some(reason) = report.fallback {
            self.lines.push(Line::Warning(format!("case {case}: the whole volume was searched: {reason}")));
        }
    }

    /// Measures the stages of the case against its reference.
    fn measure(
        &mut self,
        run: &TrainedRun,
        case: &str,
        image: &Volume<f32>,
        reference: Option<&Array3<u8>>,
        prediction: &Prediction,
    ) -> Result<(), TrainError> {
        let Some(reference) = reference else { return Ok(()) };
        let config = run.config();
        let grid = VoxelGrid::from(&image.geometry);
        let measure = Measure { labels: &config.data.labels, grid, tolerance_mm: config.surface_tolerance_mm };
        let mut row = |stage: &str, mask: &Array3<u8>, classes: usize| -> Result<CaseMetrics, TrainError> {
            let rows = measure.rows(case, stage, prediction.report.seconds, mask, reference, classes)?;
            let metrics = rows[0].metrics;
            self.rows.extend(rows);
            Ok(metrics)
        };
        let final_stage = run.config().stages().last().map_or("fine", |s| s.0);
        let mut coarse_dice = None;
        if let Some(coarse) = prediction.coarse_mask()? {
            let classes = config.coarse.as_ref().map_or(1, StageConfig::classes);
            coarse_dice = Some(row("coarse", &coarse.data, classes)?.dice);
        }
        row(final_stage, &prediction.mask.data, config.fine.classes())?;
        self.coarse_missed = coarse_dice == Some(0.0);
        Ok(())
    }
}

fn draw(
    run: &TrainedRun,
    image: &Volume<f32>,
    reference: Option<&Array3<u8>>,
    prediction: &Prediction,
) -> Result<Vec<u8>, TrainError> {
    let window = match run.config().data.preprocessing.intensity {
        Intensity::Window { low, high } => [low, high],
        _ => display_window(&image.data),
    };
    Ok(overlay(&image.data, &prediction.mask.data, reference, &image.geometry, window)?.png()?)
}
