//! TensorBoard event files of a stage's scalars.
//!
//! Written here, not by a crate: the one on the registry that only writes such files is unmaintained and brings a
//! Protobuf compiler and an image library, for what is a dozen bytes a value.

mod event;
mod record;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::EpochRecord;
use crate::ReportError;
use event::{file_version, scalars};
use record::record;

/// TensorBoard lists the files with "tfevents" in their name.
const FILE: &str = "events.out.tfevents.medseg";

/// The event file of one stage: the epochs so far, and every further one as soon as it is over.
///
/// It is written afresh when training starts or goes on, from the checkpoint's history, so that a killed and resumed run
/// has each epoch once; TensorBoard follows it while it grows.
#[derive(Debug)]
pub struct ScalarLog {
    path: PathBuf,
    file: File,
}

impl ScalarLog {
    /// Starts `folder`'s event file with the epochs of an earlier part of the run.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the folder or the file.
    pub fn create(folder: &Path, history: &[EpochRecord]) -> Result<Self, ReportError> {
        fs::create_dir_all(folder).map_err(ReportError::io("create", folder))?;
        let path = folder.join(FILE);
        let file = File::create(&path).map_err(ReportError::io("write", &path))?;
        let mut log = Self { path, file };
        let earlier: f64 = history.iter().map(|r| r.seconds).sum();
        let mut time = now() - earlier;
        log.append(&record(&file_version(time)))?;
        for epoch in history {
            time += epoch.seconds;
            log.append(&record(&scalars(time, epoch.epoch as i64, &values(epoch))))?;
        }
        Ok(log)
    }

    /// Adds an epoch.
    ///
    /// # Errors
    /// [`ReportError::Io`] naming the file.
    pub fn push(&mut self, epoch: &EpochRecord) -> Result<(), ReportError> {
        self.append(&record(&scalars(now(), epoch.epoch as i64, &values(epoch))))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ReportError> {
        self.file.write_all(bytes).map_err(ReportError::io("write", &self.path))
    }
}

fn values(epoch: &EpochRecord) -> Vec<(&'static str, f32)> {
    let mut values = vec![("loss", epoch.loss as f32), ("learning_rate", epoch.lr as f32)];
    values.extend(epoch.validation_dice.map(|d| ("validation_dice", d as f32)));
    values.push(("seconds_per_epoch", epoch.seconds as f32));
    values
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::record::tests::read_records;
    use super::*;

    fn epoch(epoch: usize, validation_dice: Option<f64>) -> EpochRecord {
        EpochRecord { epoch, lr: 0.5, loss: 1.5, validation_dice, seconds: 2.0, ..EpochRecord::default() }
    }

    #[test]
    fn a_resumed_run_has_every_epoch_once_with_rising_times() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = ScalarLog::create(dir.path(), &[]).unwrap();
        log.push(&epoch(1, None)).unwrap();
        log.push(&epoch(2, Some(0.25))).unwrap();
        let mut log = ScalarLog::create(dir.path(), &[epoch(1, None)]).unwrap();
        log.push(&epoch(2, Some(0.25))).unwrap();
        let events = read_records(&std::fs::read(dir.path().join(FILE)).unwrap());
        assert_eq!(events.len(), 3);
        let read: Vec<_> = events.iter().map(|e| event::tests::read_event(e)).collect();
        assert_eq!(read[0].version.as_deref(), Some("brain.Event:2"));
        assert_eq!((read[1].step, read[2].step), (1, 2));
        assert!(read[0].time <= read[1].time && read[1].time <= read[2].time);
        let tags = |e: &event::tests::Read| e.scalars.iter().map(|s| s.0.clone()).collect::<Vec<_>>();
        assert_eq!(tags(&read[1]), ["loss", "learning_rate", "seconds_per_epoch"]);
        assert_eq!(read[2].scalars[2], ("validation_dice".to_string(), 0.25));
    }
}
