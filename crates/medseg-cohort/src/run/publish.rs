//! Outputs get their names, then the record is written.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;

use medseg_files::FileDigest;

use super::Staging;
use crate::claim::{Claim, Worker};
use crate::ledger::{OutputDigest, Record, stamp};
use crate::{Case, CaseError};

/// Gives the files of `staging` their names and writes the record, if this worker still has the case.
///
/// A file in the way that no record of the case lists is somebody else's, an image for example: it stays, and the case fails.
/// A worker that died at the case may have left one that its record was to list.
///
/// `Ok(false)` if it has lost the case; nothing is published then. What the record before lists and is no longer made is
/// removed.
pub(super) fn publish(
    worker: &Worker,
    claim: &Claim<'_>,
    case: &Case,
    endings: &[String],
    staging: &Staging,
    record: impl FnOnce(Vec<OutputDigest>) -> Record,
) -> Result<bool, CaseError> {
    let allowed: BTreeSet<String> = endings.iter().map(|ending| format!("{}{ending}", case.name())).collect();
    let mut files = Vec::new();
    for entry in fs::read_dir(staging.folder())? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if !entry.file_type()?.is_file() || !allowed.contains(&name) {
            return Err(
                format!("the file {:?} has none of the endings {}", entry.file_name(), endings.join(", ")).into()
            );
        }
        let path = entry.path();
        File::open(&path)?.sync_all()?;
        files.push((name, FileDigest::of(path)?));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let folder = worker.cohort.root().join(case.folder());
    fs::create_dir_all(&folder)?;
    if !claim.is_held() {
        return Ok(false);
    }
    let before = worker.cohort.record(&case.id);
    let own = |name: &str| before.iter().flat_map(|record| &record.outputs).any(|old| old.path.ends_with(name));
    for (name, digest) in files.iter().filter(|(name, _)| claim.deaths == 0 && !own(name)) {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok() && FileDigest::of(&path).ok().as_ref() != Some(digest) {
            let path = path.display();
            return Err(
                format!("{path} is there already and was not made by an earlier run, so it is not replaced").into()
            );
        }
    }
    let mut outputs = Vec::new();
    for (name, digest) in files {
        let path = folder.join(&name);
        // From here to the record another worker that took this one for dead could do the same case; the files are the same.
        fs::rename(staging.folder().join(&name), &path)?;
        outputs.push(OutputDigest {
            path: crate::find::below(&case.folder().to_string_lossy(), &name),
            bytes: digest.bytes,
            sha256: digest.sha256,
            stamp: stamp(&[path])?,
        });
    }
    for old in before.iter().flat_map(|record| &record.outputs) {
        let name = old.path.rsplit('/').next().unwrap_or_default();
        // A record is a file that anyone may have changed: only a name that this case can have is removed.
        if allowed.contains(name) && outputs.iter().all(|output| output.path != old.path) {
            remove(&folder.join(name))?;
        }
    }
    if !claim.is_held() {
        return Ok(false);
    }
    write_record(worker, &record(outputs))?;
    Ok(true)
}

/// Writes the record of a case.
pub(super) fn write_record(worker: &Worker, record: &Record) -> io::Result<()> {
    let bytes = serde_json::to_vec_pretty(record).map_err(io::Error::from)?;
    worker.publish(&bytes, &worker.cohort.record_path(&record.row.case))
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
