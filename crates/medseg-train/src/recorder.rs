//! An observer that also writes the warnings to the run's folder.

use medseg_report::RunFolder;

use crate::{EpochProgress, Observer, TrainError};

/// Passes everything on to another observer and appends each warning to the run's `warnings.txt` as it comes, so that a
/// killed and resumed run keeps those of its first part.
pub(crate) struct Recorder<'a> {
    inner: &'a mut dyn Observer,
    run: RunFolder,
    failed: Option<std::io::Error>,
}

impl<'a> Recorder<'a> {
    pub fn new(inner: &'a mut dyn Observer, run: RunFolder) -> Self {
        Self { inner, run, failed: None }
    }

    /// The first warning that could not be written, as an error.
    pub fn finish(self) -> Result<(), TrainError> {
        self.failed.map_or(Ok(()), |e| Err(TrainError::io("write", &self.run.warnings(), e)))
    }
}

impl Observer for Recorder<'_> {
    fn message(&mut self, text: &str) {
        self.inner.message(text);
    }

    fn warn(&mut self, text: &str) {
        if let Err(e) = self.run.append_warning(text) {
            self.failed.get_or_insert(e);
        }
        self.inner.warn(text);
    }

    fn begin(&mut self, task: &str, total: usize) {
        self.inner.begin(task, total);
    }

    fn advance(&mut self, done: usize, note: &str) {
        self.inner.advance(done, note);
    }

    fn end(&mut self) {
        self.inner.end();
    }

    fn epoch(&mut self, progress: &EpochProgress<'_>) {
        self.inner.epoch(progress);
    }
}
