//! Keys of prepared cases: everything that they depend on.

use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::DataError;
use crate::case::Case;
use crate::random::fnv1a;

/// Changed whenever the layout of an entry changes, or what one of the same key should hold.
const FORMAT: u32 = 2;

/// Everything that the content of an entry of a [`DiskCache`](crate::DiskCache) depends on: the case's files by path,
/// length and time of change, the settings of the preparation, and the versions of the program and the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    case: String,
    text: String,
}

#[derive(Serialize)]
struct Parts<'a, S> {
    format: u32,
    version: &'static str,
    little_endian: bool,
    case: &'a str,
    image: FileState,
    label: Option<FileState>,
    settings: &'a S,
}

/// A file as its folder lists it.
#[derive(Serialize)]
struct FileState {
    path: String,
    bytes: u64,
    /// Nanoseconds since 1970, or before if negative.
    changed: i128,
}

impl CacheKey {
    /// The key of a case that is prepared with these settings: a value that differs whenever the results may differ.
    ///
    /// # Errors
    /// If one of the case's files cannot be looked at, or the settings cannot be written as JSON.
    pub fn new(case: &Case, settings: &impl Serialize) -> Result<Self, DataError> {
        let parts = Parts {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            little_endian: cfg!(target_endian = "little"),
            case: &case.id,
            image: FileState::of(&case.image)?,
            label: case.label.as_deref().map(FileState::of).transpose()?,
            settings,
        };
        let text = serde_json::to_string(&parts)
            .map_err(|error| DataError::Prepare { case: case.id.clone(), source: Box::new(error) })?;
        Ok(Self { case: case.id.clone(), text })
    }

    /// The whole key, which an entry repeats.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The name of the entry's file: the case, for people, and the key's hash.
    pub(super) fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let case: String = self.case.chars().take(60).map(plain).collect();
        // Two keys of one hash are told apart by the text.
        format!("{case}-{:016x}.item", fnv1a(self.text.as_bytes()))
    }
}

impl FileState {
    fn of(path: &Path) -> Result<Self, DataError> {
        let found = || {
            let path = path.canonicalize()?;
            let state = path.metadata()?;
            let changed = match state.modified()?.duration_since(UNIX_EPOCH) {
                Ok(after) => after.as_nanos() as i128,
                Err(before) => -(before.duration().as_nanos() as i128),
            };
            Ok(Self { path: path.to_string_lossy().into_owned(), bytes: state.len(), changed })
        };
        found().map_err(DataError::io(path))
    }
}
