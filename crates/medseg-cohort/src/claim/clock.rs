//! Signs of life, compared by the file system's clock.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Writes to a file, so that the file system sets its time, and returns that time.
///
/// # Errors
/// `NotFound` if the file is gone.
pub(super) fn beat(file: &Path, count: u64) -> io::Result<SystemTime> {
    let mut file = OpenOptions::new().write(true).open(file)?;
    write!(file, "{count:020}")?;
    // A client of a network's file system sends what was written only then; the server sets the time.
    file.sync_data()?;
    file.metadata()?.modified()
}

/// The time since a file was last written to, if `now` is the file system's.
pub(super) fn age(file: &Path, now: SystemTime) -> io::Result<Duration> {
    // An open file has the server's attributes, not those that the client remembers.
    let modified = std::fs::File::open(file)?.metadata()?.modified()?;
    Ok(now.duration_since(modified).unwrap_or_default())
}
