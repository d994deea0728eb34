//! Content of a case's files as one checksum.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use medseg_files::FileDigest;
use medseg_volume::VolumeFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use crate::{Case, CaseImage};

/// A file that changed so lately may change again without another time.
const SETTLED: Duration = Duration::from_secs(2);

/// The content of a case's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InputDigest {
    /// Number of files.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits: of the file, or, for several files, of the lines `SHA-256 LENGTH` in their order.
    pub sha256: String,
    /// Lengths and times of the files, as one number; none for files that changed just before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<String>,
}

impl InputDigest {
    /// True if the content is the same.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        self.files == other.files && self.bytes == other.bytes && self.sha256 == other.sha256
    }
}

/// Reads the files of a case through.
pub(crate) fn digest_inputs(case: &Case) -> io::Result<InputDigest> {
    let files = files_of(case);
    let settled = settled(&files)?;
    let before = stamp(&files)?;
    let mut digests = Vec::with_capacity(files.len());
    for file in &files {
        digests.push(FileDigest::of(file)?);
    }
    let bytes = digests.iter().map(|digest| digest.bytes).sum();
    let sha256 = match digests.as_slice() {
        [only] => only.sha256.clone(),
        several => {
            let mut sha256 = Sha256::new();
            several.iter().for_each(|digest| sha256.update(format!("{} {}\n", digest.sha256, digest.bytes)));
            hexadecimal(&sha256.finalize())
        }
    };
    Ok(InputDigest { files: files.len(), bytes, sha256, stamp: settled.then_some(before) })
}

/// Lengths and times of a case's files as one number.
pub(crate) fn stamp_of(case: &Case) -> io::Result<String> {
    stamp(&files_of(case))
}

/// The files of a case, with the voxels beside a header.
fn files_of(case: &Case) -> Vec<PathBuf> {
    let mut files = case.files().to_vec();
    if let CaseImage::Channels(channels) = &case.image {
        let detached = |path: &&PathBuf| {
            path.extension().is_some_and(|ending| ["nhdr", "mhd"].iter().any(|name| ending.eq_ignore_ascii_case(name)))
        };
        // A header that cannot be read fails when the image is read.
        let voxels = channels.iter().filter(detached).filter_map(|path| VolumeFile::open(path).ok());
        let voxels: Vec<PathBuf> = voxels.map(|file| file.voxels_path().to_path_buf()).collect();
        files.extend(voxels.into_iter().filter(|path| !channels.contains(path)));
    }
    files
}

/// Length, times and number of each file as one number: a change of content changes it, unless someone set the time back.
pub(crate) fn stamp<P: AsRef<Path>>(files: &[P]) -> io::Result<String> {
    let mut hash = Xxh3::new();
    for file in files {
        let found = fs::metadata(file)?;
        hash.update(&found.len().to_le_bytes());
        let modified = found.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        hash.update(&modified.as_nanos().to_le_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            // The time of the last change of anything about the file, which no program can set.
            hash.update(&found.ctime().to_le_bytes());
            hash.update(&found.ctime_nsec().to_le_bytes());
            hash.update(&found.ino().to_le_bytes());
        }
    }
    Ok(format!("{:032x}", hash.digest128()))
}

/// The last time that content or name of a file changed.
fn last_change(found: &fs::Metadata) -> io::Result<SystemTime> {
    let modified = found.modified()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let seconds = u64::try_from(found.ctime()).unwrap_or_default();
        Ok(modified.max(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
    }
    #[cfg(not(unix))]
    Ok(modified)
}

fn settled(files: &[PathBuf]) -> io::Result<bool> {
    for file in files {
        let found = fs::metadata(file)?;
        let changed = last_change(&found)?;
        if changed.elapsed().map_or(true, |age| age < SETTLED) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
