//! A run over a cohort.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::pipeline::{Outcome, Pipeline};
use super::{Busy, CaseError, CaseFiles, RunOptions, RunReport};
use crate::claim::{Worker, dead_claims};
use crate::ledger::SCHEMA;
use crate::{Case, CaseStatus, CohortError, CohortFolder, FailureKind, Found, Record, RunIdentity, TableRow};

/// A run over the cases of a cohort into an output folder.
///
/// Any number of workers may run on one folder, with the same or other cases, one after another or at once. A case is done by
/// one worker at a time, and not again while its record, input, model, options and outputs agree. A run that was killed is
/// continued by the same call.
///
/// See the [crate's documentation](crate) for an example, and `docs/book/src/clusters.md` for the guarantees in detail.
pub struct Cohort<'a> {
    folder: CohortFolder,
    identity: RunIdentity,
    options: RunOptions,
    stop: Arc<AtomicBool>,
    progress: Option<&'a (dyn Fn(&TableRow) + Sync)>,
}

impl fmt::Debug for Cohort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cohort").field("folder", &self.folder).field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl<'a> Cohort<'a> {
    /// Names the output folder and the things besides an input that decide about a result.
    #[must_use]
    pub fn new(folder: CohortFolder, identity: RunIdentity) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        Self { folder, identity, options: RunOptions::default(), stop, progress: None }
    }

    /// Sets the options.
    #[must_use]
    pub fn with_options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the flag by which a program ends the run: the case that is worked on is finished, and all others are let go.
    /// A handler of SIGTERM or Ctrl-C sets it.
    #[must_use]
    pub fn with_stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Sets a function that gets the row of each case as soon as it is known, from several threads.
    #[must_use]
    pub fn with_progress(mut self, progress: &'a (dyn Fn(&TableRow) + Sync)) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Works on all cases: reads ahead and writes behind on other threads, and calls `process` on this one.
    ///
    /// A case that fails or panics is a row of the report. A case at which a process died before is worked on last and alone,
    /// so that its neighbours in memory are not blamed for it.
    ///
    /// # Errors
    /// Two cases that would write one file, an output folder that cannot be written or is full, a process that others took
    /// for dead.
    pub fn run<F: CaseFiles>(
        &self,
        found: &Found,
        files: &F,
        mut process: impl FnMut(&Case, F::Input) -> Result<F::Output, CaseError>,
    ) -> Result<RunReport, CohortError> {
        let endings = files.endings();
        refuse_same_outputs(&found.cases, &endings)?;
        let options = &self.options;
        let worker = Worker::start(&self.folder, options.heartbeat, options.heartbeat_limit, Arc::clone(&self.stop))?;
        worker.bury_the_dead()?;
        let suspects = dead_claims(&worker, &self.folder);
        let pipeline = Pipeline {
            worker: &worker,
            identity: &self.identity,
            options,
            endings: &endings,
            files,
            stop: &self.stop,
            progress: self.progress,
            outcome: Outcome::default(),
        };
        self.note_passed_over(found, &pipeline)?;
        let (last, first): (Vec<&Case>, Vec<&Case>) =
            found.cases.iter().partition(|case| suspects.contains_key(&case.id));
        pipeline.run(&first, &mut process)?;
        for case in last {
            pipeline.run(&[case], &mut process)?;
        }
        let mut waiting = pipeline.take_busy();
        while !waiting.is_empty() && options.busy == Busy::Wait && !self.is_stopped() {
            self.wait(options.poll);
            for (case, _) in waiting {
                pipeline.run(&[case], &mut process)?;
            }
            waiting = pipeline.take_busy();
        }
        for (case, holder) in waiting {
            let mut row = TableRow::new(&case.id, CaseStatus::Busy, case.input.to_string_lossy());
            row.error = Some(holder);
            pipeline.add(row);
        }
        let rows = pipeline.into_rows();
        let stopped = self.is_stopped() && rows.len() < found.cases.len() + found.passed_over.len();
        Ok(RunReport::new(rows, stopped))
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits, but not on after a stop.
    fn wait(&self, time: Duration) {
        let started = Instant::now();
        while started.elapsed() < time && !self.is_stopped() {
            std::thread::sleep(Duration::from_millis(20).min(time));
        }
    }

    /// Records the inputs that make no case, unless that was done before.
    fn note_passed_over<F: CaseFiles>(&self, found: &Found, pipeline: &Pipeline<'_, F>) -> Result<(), CohortError> {
        for input in &found.passed_over {
            let mut row = TableRow::new(&input.id, CaseStatus::PassedOver, input.path.to_string_lossy());
            row.error = Some(input.reason.to_string());
            let record = Record {
                schema: SCHEMA,
                row: row.clone(),
                input: None,
                identity: RunIdentity::default(),
                outputs: Vec::new(),
                worker: String::new(),
                finished_unix: 0,
            };
            let path = self.folder.passed_over_path(&input.id);
            let bytes = serde_json::to_vec_pretty(&record).unwrap_or_default();
            if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
                pipeline.worker.publish(&bytes, &path).map_err(|error| pipeline.fatal(error, &path))?;
            }
            pipeline.add(row);
        }
        Ok(())
    }
}

/// Refuses cases that would write one file, or one of the tables.
fn refuse_same_outputs(cases: &[Case], endings: &[String]) -> Result<(), CohortError> {
    let mut files: HashMap<String, &str> = HashMap::with_capacity(cases.len() * endings.len());
    files.insert("table.csv".into(), "of the table");
    files.insert("table.json".into(), "of the table");
    for case in cases {
        for ending in endings {
            let file = format!("{}{ending}", case.id);
            if let Some(first) = files.insert(file.clone(), &case.id) {
                return Err(CohortError::SameOutput { file, first: first.into(), second: case.id.clone() });
            }
        }
    }
    Ok(())
}

/// Bytes of a reason in the table.
const LONGEST_REASON: usize = 4000;

/// The row of a case that failed.
pub(super) fn failed(case: &Case, failure: FailureKind, mut error: String) -> TableRow {
    if error.len() > LONGEST_REASON {
        error.truncate(error.floor_char_boundary(LONGEST_REASON));
        error.push_str(" …");
    }
    let mut row = TableRow::new(&case.id, CaseStatus::Failed, case.input.to_string_lossy());
    (row.failure, row.error) = (Some(failure), Some(error));
    row
}
