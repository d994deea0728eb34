//! The output folder and the hidden folder of records in it.

use std::fs;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::Record;
use crate::find::shortened;
use crate::{Case, CohortError};

/// Name of the hidden folder.
pub(crate) const HIDDEN: &str = ".medseg";
/// Bytes of a record's name without its ending.
const LONGEST_NAME: usize = 200;
/// Bytes of a record that are read; larger ones are none.
const LARGEST: u64 = 16 << 20;

/// An output folder.
///
/// | path | content |
/// |---|---|
/// | `ID.nii.gz` and so on | the outputs, as a mirror of the input tree |
/// | `table.csv`, `table.json` | the table of all cases, once [`merge`](crate::merge) has made it |
/// | `.medseg/cases/XX/NAME.json` | a [`Record`] a case, in 256 folders by a hash of the id |
/// | `.medseg/claims/NAME.json` | the cases that are being worked on |
/// | `.medseg/workers/TOKEN/` | a worker that runs: its sign of life, and what it has not published yet |
///
/// `NAME` is the id with `%2F` for `/`, cut and with a hash where it is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortFolder {
    root: PathBuf,
}

impl CohortFolder {
    /// Names an output folder, which may be missing.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of an output of this ending.
    #[must_use]
    pub fn output(&self, case: &Case, ending: &str) -> PathBuf {
        self.root.join(case.folder()).join(format!("{}{ending}", case.name()))
    }

    /// The path of a case's record.
    #[must_use]
    pub fn record_path(&self, id: &str) -> PathBuf {
        self.shard(id).join(format!("{}.json", flat(id)))
    }

    /// The record of a case, if there is one that can be read.
    #[must_use]
    pub fn record(&self, id: &str) -> Option<Record> {
        read_record(&self.record_path(id)).filter(|record| record.row.case == id)
    }

    /// Reads all records, in no certain order; `broken` counts those that are damaged.
    ///
    /// # Errors
    /// A folder that cannot be listed. A folder without records has none.
    pub fn records(&self) -> Result<(Vec<Record>, usize), CohortError> {
        let (mut records, mut broken) = (Vec::new(), 0);
        for shard in entries(&self.hidden("cases"))? {
            if !shard.is_dir() {
                continue;
            }
            for path in entries(&shard)? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if name.starts_with('.') || !name.ends_with(".json") {
                    continue;
                }
                match read_record(&path) {
                    Some(record) => records.push(record),
                    None => broken += 1,
                }
            }
        }
        Ok((records, broken))
    }

    /// The path of the record of an input that is no case; it has a name of its own, as a case may have this id later.
    pub(crate) fn passed_over_path(&self, id: &str) -> PathBuf {
        self.shard(id).join(format!("{}.passed-over.json", flat(id)))
    }

    pub(crate) fn claim_path(&self, id: &str) -> PathBuf {
        self.hidden("claims").join(format!("{}.json", flat(id)))
    }

    /// A folder in the hidden one.
    pub(crate) fn hidden(&self, name: &str) -> PathBuf {
        self.root.join(HIDDEN).join(name)
    }

    fn shard(&self, id: &str) -> PathBuf {
        self.hidden("cases").join(format!("{:02x}", xxh3_64(id.as_bytes()) & 0xff))
    }
}

/// An id as the name of one file.
fn flat(id: &str) -> String {
    shortened(id.replace('/', "%2F"), LONGEST_NAME)
}

/// The record in a file; `None` for one that is missing or damaged.
fn read_record(path: &Path) -> Option<Record> {
    let length = fs::metadata(path).ok()?.len();
    let bytes = (length <= LARGEST).then(|| fs::read(path).ok())??;
    serde_json::from_slice(&bytes).ok()
}

/// The paths in a folder, sorted; none for a folder that is missing.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, CohortError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CohortError::io("list", folder)(error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
