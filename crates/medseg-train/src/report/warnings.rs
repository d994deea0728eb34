//! `warnings.txt`: what the user was warned of, kept for the report.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Observer, TrainError};

const FILE: &str = "warnings.txt";

/// Passes everything on to another observer and appends each warning to the run's `warnings.txt` as it comes, so that a
/// killed and resumed run keeps those of its first part.
pub(crate) struct Recorder<'a> {
    inner: &'a mut dyn Observer,
    path: PathBuf,
    failed: Option<std::io::Error>,
}

impl<'a> Recorder<'a> {
    pub fn new(inner: &'a mut dyn Observer, folder: &Path) -> Self {
        Self { inner, path: folder.join(FILE), failed: None }
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        OpenOptions::new().create(true).append(true).open(&self.path)?.write_all(line.as_bytes())
    }

    /// The first warning that could not be written, as an error.
    pub fn finish(self) -> Result<(), TrainError> {
        self.failed.map_or(Ok(()), |e| Err(TrainError::io("write", &self.path, e)))
    }
}

impl Observer for Recorder<'_> {
    fn message(&mut self, text: &str) {
        self.inner.message(text);
    }

    fn warn(&mut self, text: &str) {
        let line = text.replace(['\n', '\r'], " ") + "\n";
        if let Err(e) = self.append(&line) {
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

    fn epoch(&mut self, progress: &crate::EpochProgress<'_>) {
        self.inner.epoch(progress);
    }
}

/// The warnings of a run, each once; none if it has no such file.
pub(crate) fn read_warnings(folder: &Path) -> Vec<String> {
    let text = std::fs::read(folder.join(FILE)).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines().filter(|l| !l.trim().is_empty()) {
        if !lines.iter().any(|l| l == line) {
            lines.push(line.to_string());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;

    #[test]
    fn warnings_are_kept_over_a_restart_and_each_read_once() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let mut silent = Silent;
            let mut recorder = Recorder::new(&mut silent, dir.path());
            recorder.warn("case a:\nempty");
            recorder.warn("case b");
            recorder.message("not this");
            recorder.finish().unwrap();
        }
        assert_eq!(read_warnings(dir.path()), ["case a: empty", "case b"]);
        assert!(read_warnings(&dir.path().join("none")).is_empty());
    }
}
