//! Three stages: cases are read ahead, worked on, and written behind.

use std::any::Any;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use medseg_volume::error_chain;

use super::cohort::failed;
use super::gate::{Gate, Pass};
use super::memory::peak_bytes;
use super::publish::{publish, write_record};
use super::{CaseError, CaseFiles, CaseSummary, RunOptions, Staging};
use crate::claim::{Claim, Claiming, Worker};
use crate::ledger::{InputDigest, SCHEMA, Verdict, digest_inputs, stamp_of, verdict};
use crate::{Case, CaseStatus, CohortError, FailureKind, Record, RunIdentity, TableRow};

/// The stages and all that they share.
pub(super) struct Pipeline<'a, F: CaseFiles> {
    pub worker: &'a Worker,
    pub identity: &'a RunIdentity,
    pub options: &'a RunOptions,
    pub endings: &'a [String],
    pub files: &'a F,
    pub stop: &'a AtomicBool,
    pub progress: Option<&'a (dyn Fn(&TableRow) + Sync)>,
    pub outcome: Outcome<'a>,
}

/// All that a run has found out.
#[derive(Debug, Default)]
pub(super) struct Outcome<'a> {
    rows: Mutex<Vec<TableRow>>,
    /// Cases that other workers have, and these workers in words.
    busy: Mutex<Vec<(&'a Case, String)>>,
    /// The first reason to end the run.
    fatal: Mutex<Option<CohortError>>,
    /// True once there is one.
    ended: AtomicBool,
}

/// A case whose input is in memory.
struct Read<'a, I> {
    case: &'a Case,
    claim: Claim<'a>,
    input: I,
    digest: InputDigest,
    seconds: f64,
    pass: Pass,
}

/// A case whose output is in memory.
struct Processed<'a, O> {
    case: &'a Case,
    claim: Claim<'a>,
    output: O,
    digest: InputDigest,
    seconds: [f64; 2],
    _pass: Pass,
}

/// A step that failed.
struct Failure {
    kind: FailureKind,
    error: CaseError,
}

impl<'a, F: CaseFiles> Pipeline<'a, F> {
    /// Works on these cases.
    pub fn run(
        &self,
        cases: &[&'a Case],
        process: &mut impl FnMut(&Case, F::Input) -> Result<F::Output, CaseError>,
    ) -> Result<(), CohortError> {
        let inputs = Gate::new(self.options.read_ahead.saturating_add(1), self.options.input_bytes);
        let outputs = Gate::new(self.options.write_behind.saturating_add(1), u64::MAX);
        // Passes bound what is in them.
        let (to_process, read) = sync_channel(cases.len().min(self.options.read_ahead) + 1);
        let (to_write, processed) = sync_channel(cases.len().min(self.options.write_behind) + 1);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.options.readers.clamp(1, cases.len().max(1)) {
                let (to_process, next, inputs) = (to_process.clone(), &next, &inputs);
                scope.spawn(move || self.read_ahead(cases, next, inputs, &to_process));
            }
            drop(to_process);
            scope.spawn(move || self.write_behind(&processed));
            self.process(&read, &to_write, &outputs, process);
            drop(to_write);
        });
        match lock(&self.outcome.fatal).take() {
            Some(error) => Err(error),
            None if self.worker.is_fenced() => Err(CohortError::Fenced),
            None => Ok(()),
        }
    }

    fn read_ahead(
        &self,
        cases: &[&'a Case],
        next: &AtomicUsize,
        gate: &Arc<Gate>,
        to_process: &SyncSender<Read<'a, F::Input>>,
    ) {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if self.is_over() {
                return;
            }
            let read = match self.read(case, gate) {
                Ok(Some(read)) => read,
                Ok(None) => continue,
                Err(error) => return self.end(error),
            };
            if to_process.send(read).is_err() {
                return;
            }
        }
    }

    /// Claims and reads a case that is to be done; `None` for any other.
    fn read(&self, case: &'a Case, gate: &Arc<Gate>) -> Result<Option<Read<'a, F::Input>>, CohortError> {
        let Some(digest) = self.is_settled(case, None)? else { return Ok(None) };
        // Room first: a case that waits for it may be done by another worker.
        let Some(pass) = gate.enter(self.files.bytes(case), || self.is_over()) else { return Ok(None) };
        let claim_path = self.worker.cohort.claim_path(&case.id);
        let identity = serde_json::to_string(self.identity).unwrap_or_default();
        let claim = match self.worker.claim(&case.id, &identity) {
            Ok(Claiming::Mine(claim)) => claim,
            Ok(Claiming::Busy(holder)) => {
                lock(&self.outcome.busy).push((case, holder));
                return Ok(None);
            }
            Err(error) => return Err(self.fatal(error, &claim_path)),
        };
        let started = Instant::now();
        // Another worker may have done it between the look and the claim.
        let Some(digest) = self.is_settled(case, digest)? else { return Ok(None) };
        if claim.deaths >= self.options.most_deaths.max(1) {
            let times = claim.deaths;
            let text = format!("the process died {times} times at this case, by a lack of memory for example");
            self.fail(case, failed(case, FailureKind::Killed, text), digest)?;
            return Ok(None);
        }
        let read = || {
            let io = |error: io::Error| Failure { kind: FailureKind::Read, error: error.into() };
            let digest = digest.map_or_else(|| digest_inputs(case), Ok).map_err(io)?;
            let before = stamp_of(case).map_err(io)?;
            let input = caught(FailureKind::Read, || self.files.read(case))?;
            if stamp_of(case).map_err(io)? != before || digest.stamp.as_ref().is_some_and(|stamp| *stamp != before) {
                let error = "the files changed while they were read".into();
                return Err(Failure { kind: FailureKind::Changed, error });
            }
            Ok((input, digest))
        };
        match read() {
            Ok((input, digest)) => {
                let seconds = started.elapsed().as_secs_f64();
                Ok(Some(Read { case, claim, input, digest, seconds, pass }))
            }
            Err(failure) => {
                let mut row = failed(case, failure.kind, error_chain(failure.error.as_ref()));
                row.seconds_read = Some(started.elapsed().as_secs_f64());
                self.fail(case, row, None)?;
                Ok(None)
            }
        }
    }

    /// Adds the row of a case that needs no work and returns `None`; else returns the input's digest as far as it is known.
    fn is_settled(&self, case: &Case, known: Option<InputDigest>) -> Result<Option<Option<InputDigest>>, CohortError> {
        match verdict(&self.worker.cohort, case, self.identity, self.options, known) {
            Ok(Verdict::Work(digest)) => return Ok(Some(digest)),
            Ok(Verdict::Done(record)) => self.add(TableRow { status: CaseStatus::Skipped, ..record.row }),
            Ok(Verdict::LeaveFailed(record)) => self.add(record.row),
            // The same reading fails again below, with a claim.
            Err(_) => return Ok(Some(None)),
        }
        if std::fs::exists(self.worker.cohort.claim_path(&case.id)).unwrap_or(false) {
            // A worker that died after its record: the claim is made and let go.
            let _ = self.worker.claim(&case.id, "");
        }
        Ok(None)
    }

    fn process(
        &self,
        read: &Receiver<Read<'a, F::Input>>,
        to_write: &SyncSender<Processed<'a, F::Output>>,
        gate: &Arc<Gate>,
        process: &mut impl FnMut(&Case, F::Input) -> Result<F::Output, CaseError>,
    ) {
        for Read { case, claim, input, digest, seconds, pass } in read {
            // Dropped, and with it the claim: another run does it.
            if self.is_over() {
                continue;
            }
            let Some(output_pass) = gate.enter(0, || self.is_ended()) else { continue };
            let started = Instant::now();
            let output = caught(FailureKind::Process, || process(case, input));
            let seconds = [seconds, started.elapsed().as_secs_f64()];
            drop(pass);
            match output {
                Ok(output) => {
                    let processed = Processed { case, claim, output, digest, seconds, _pass: output_pass };
                    if to_write.send(processed).is_err() {
                        return;
                    }
                }
                Err(failure) => {
                    let mut row = failed(case, failure.kind, error_chain(failure.error.as_ref()));
                    (row.seconds_read, row.seconds_process) = (Some(seconds[0]), Some(seconds[1]));
                    row.peak_memory_bytes = peak_bytes();
                    if let Err(error) = self.fail(case, row, Some(digest)) {
                        self.end(error);
                    }
                }
            }
        }
    }

    fn write_behind(&self, processed: &Receiver<Processed<'a, F::Output>>) {
        for processed in processed {
            if let Err(error) = self.write(processed) {
                self.end(error);
            }
        }
    }

    fn write(&self, processed: Processed<'a, F::Output>) -> Result<(), CohortError> {
        let Processed { case, claim, output, digest, seconds, _pass } = processed;
        let started = Instant::now();
        let mut row = TableRow::new(&case.id, CaseStatus::Done, case.input.to_string_lossy());
        [row.seconds_read, row.seconds_process] = seconds.map(Some);
        let folder = self.worker.new_path("case");
        let staging = Staging::new(folder.clone(), case.name());
        let written = std::fs::create_dir(&folder).map_err(CaseError::from).map_err(in_writing).and_then(|()| {
            let summary = caught(FailureKind::Write, || self.files.write(case, output, &staging))?;
            let CaseSummary { volumes_ml, warnings } = summary;
            row.volumes_ml = volumes_ml.into_iter().filter(|(_, ml)| ml.is_finite()).collect();
            row.warnings = warnings;
            row.peak_memory_bytes = peak_bytes();
            let record = |outputs| {
                row.seconds_write = Some(started.elapsed().as_secs_f64());
                self.record(row.clone(), Some(digest.clone()), outputs)
            };
            publish(self.worker, &claim, case, self.endings, &staging, record).map_err(in_writing)
        });
        let _ = std::fs::remove_dir_all(&folder);
        match written {
            Ok(true) => {
                self.add(row);
                Ok(())
            }
            // Another worker has it now.
            Ok(false) => {
                lock(&self.outcome.busy).push((case, "another worker".into()));
                Ok(())
            }
            Err(_) if self.worker.is_fenced() => Err(CohortError::Fenced),
            Err(failure) => {
                if let Some(source) = full_disk(failure.error.as_ref()) {
                    return Err(CohortError::Io { action: "write to", path: self.worker.cohort.root().into(), source });
                }
                let mut row = failed(case, failure.kind, error_chain(failure.error.as_ref()));
                [row.seconds_read, row.seconds_process] = seconds.map(Some);
                self.fail(case, row, Some(digest))
            }
        }
    }

    /// Records a case that failed.
    fn fail(&self, case: &Case, row: TableRow, digest: Option<InputDigest>) -> Result<(), CohortError> {
        // A file that changes has no content that a later run could compare.
        let changed = row.failure == Some(FailureKind::Changed);
        let digest = digest.or_else(|| digest_inputs(case).ok()).filter(|_| !changed);
        // Files of an earlier success stay the case's own, so that a later one may replace them.
        let before = self.worker.cohort.record(&case.id).map(|record| record.outputs).unwrap_or_default();
        let record = self.record(row.clone(), digest, before);
        write_record(self.worker, &record)
            .map_err(|error| self.fatal(error, &self.worker.cohort.record_path(&case.id)))?;
        self.add(row);
        Ok(())
    }

    fn record(&self, row: TableRow, input: Option<InputDigest>, outputs: Vec<crate::OutputDigest>) -> Record {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Record {
            schema: SCHEMA,
            row,
            input,
            identity: self.identity.clone(),
            outputs,
            worker: self.worker.identity.to_string(),
            finished_unix: now.as_secs(),
        }
    }

    /// Adds a row of this run.
    pub fn add(&self, row: TableRow) {
        if let Some(progress) = self.progress {
            progress(&row);
        }
        lock(&self.outcome.rows).push(row);
    }

    /// The cases that other workers have; the list is empty afterwards.
    pub fn take_busy(&self) -> Vec<(&'a Case, String)> {
        std::mem::take(&mut *lock(&self.outcome.busy))
    }

    pub fn into_rows(self) -> Vec<TableRow> {
        self.outcome.rows.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a file that the run cannot do without.
    pub fn fatal(&self, source: io::Error, path: &Path) -> CohortError {
        if self.worker.is_fenced() {
            return CohortError::Fenced;
        }
        CohortError::io("write", path)(source)
    }

    fn end(&self, error: CohortError) {
        lock(&self.outcome.fatal).get_or_insert(error);
        self.outcome.ended.store(true, Ordering::Relaxed);
    }

    fn is_ended(&self) -> bool {
        self.outcome.ended.load(Ordering::Relaxed) || self.worker.is_fenced()
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_ended()
    }
}

/// Runs a step of the program's; a panic fails the case alone.
fn caught<T>(kind: FailureKind, step: impl FnOnce() -> Result<T, CaseError>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| Failure { kind, error }),
        Err(panic) => Err(Failure { kind: FailureKind::Panic, error: message(panic.as_ref()).into() }),
    }
}

fn in_writing(error: CaseError) -> Failure {
    Failure { kind: FailureKind::Write, error }
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// The system's error if it would meet every other case too.
fn full_disk(error: &(dyn std::error::Error + 'static)) -> Option<io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<io::Error>()
            && matches!(found.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem)
        {
            return Some(io::Error::new(found.kind(), found.to_string()));
        }
        cause = error.source();
    }
    None
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
