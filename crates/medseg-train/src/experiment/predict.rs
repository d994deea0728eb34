//! Predicting the held-out cases: masks, overlays, rows of the metrics table.

use std::sync::Arc;

use medseg_bundle::Prediction;
use medseg_data::{Case, Loader, LoaderOptions, case_reason};
use medseg_metrics::{CaseMetrics, VoxelGrid};
use medseg_report::{CaseRow, RunFolder, display_window, overlay};
use medseg_transforms::Intensity;
use medseg_volume::{Volume, read_image, write_label};
use ndarray::Array3;

use super::TrainedRun;
use super::measure::Measure;
use crate::cases::{check_finite, load_reference, no_foreground};
use crate::config::{OnBadCase, StageConfig};
use crate::files::write_atomic;
use crate::{Observer, Silent, TrainError};

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

/// Predicts every case, writes `predictions/<case>.nii.gz` and `overlays/<case>.png`; the next image is read meanwhile.
pub(crate) fn predict_cases(
    run: &TrainedRun,
    cases: &[Case],
    out: &RunFolder,
    observer: &mut dyn Observer,
) -> Result<Predicted, TrainError> {
    let mut found = Predicted { rows: Vec::new(), coarse_missed: 0, fallbacks: 0, grown: 0, skipped: Vec::new() };
    let (of, labels) = (Arc::new(cases.to_vec()), run.config().data.labels.clone());
    let (classes, skip) = (run.config().fine.classes(), run.config().data.on_bad_case == OnBadCase::Skip);
    let ahead = LoaderOptions { workers: 1, prefetch: 1 };
    let loader = Loader::new(cases.len(), ahead, move |i| match load(&of[i], &labels, classes) {
        Err(e) if skip => Ok(Err(e)),
        loaded => loaded.map(Ok),
    });
    observer.begin("prediction", cases.len());
    for (done, (case, loaded)) in cases.iter().zip(loader).enumerate() {
        let (image, reference) = match loaded? {
            Ok(loaded) => loaded,
            Err(e) => {
                observer.warn(&format!("case {} is not predicted: {}", case.id, case_reason(&case.id, &e)));
                found.skipped.push(case.id.clone());
                continue;
            }
        };
        let mut one = || -> Result<(), TrainError> {
            let prediction = run.predict(&image, &mut Silent)?;
            report_detours(&case.id, &prediction, observer);
            write_label(out.prediction(&case.id), &prediction.mask)?;
            if reference.as_ref().is_some_and(|r| r.data.iter().all(|v| *v == 0)) {
                observer.warn(&format!("{}; it is left out of the mean Dice", no_foreground(case)));
            }
            found.add(run, &case.id, &image, reference.as_ref().map(|r| &r.data), &prediction)?;
            let picture = draw(run, &image, reference.as_ref().map(|r| &r.data), &prediction)?;
            write_atomic(&out.overlay(&case.id), &picture)
        };
        one().map_err(|e| e.in_case(&case.id))?;
        observer.advance(done + 1, &case.id);
    }
    observer.end();
    Ok(found)
}

/// Says where the cascade did not go straight from the coarse box to the mask.
fn report_detours(case: &str, prediction: &Prediction, observer: &mut dyn Observer) {
    let Some(report) = &prediction.report.cascade else { return };
    if report.roi_grown > 0 {
        observer
            .message(&format!("case {case}: the mask reached the box's face, which grew {} time(s)", report.roi_grown));
    }
    if let Some(reason) = report.fallback {
        observer.warn(&format!("case {case}: the whole volume was searched: {reason}"));
    }
}

/// An image and its reference, if it has one.
pub(super) type Loaded = (Volume<f32>, Option<Volume<u8>>);

/// Reads a case in the files' grid.
pub(super) fn load(case: &Case, labels: &[u8], classes: usize) -> Result<Loaded, TrainError> {
    let read = || {
        let image = read_image(&case.image)?;
        check_finite(&image.data, &case.image)?;
        Ok((image, load_reference(case, labels, classes)?))
    };
    read().map_err(|e: TrainError| e.in_case(&case.id))
}

impl Predicted {
    /// Measures the stages of one case against its reference.
    fn add(
        &mut self,
        run: &TrainedRun,
        case: &str,
        image: &Volume<f32>,
        reference: Option<&Array3<u8>>,
        prediction: &Prediction,
    ) -> Result<(), TrainError> {
        let report = prediction.report.cascade.as_ref();
        self.fallbacks += usize::from(report.is_some_and(|r| r.fallback.is_some()));
        self.grown += usize::from(report.is_some_and(|r| r.roi_grown > 0));
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
        if let Some(coarse) = prediction.coarse_mask()? {
            let metrics = row("coarse", &coarse.data, config.coarse.as_ref().map_or(1, StageConfig::classes))?;
            self.coarse_missed += usize::from(metrics.dice == 0.0);
        }
        row(final_stage, &prediction.mask.data, config.fine.classes())?;
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
