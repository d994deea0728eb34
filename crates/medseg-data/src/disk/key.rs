//! Keys of prepared cases: everything that they depend on.

use std::path::Path;

use serde::Serialize;

use crate::case::Case;
use crate::random::fnv1a;
use crate::{ContentHash, ContentHashes, DataError};

/// Changed whenever the layout of an entry changes, or what one of the same key should hold.
const FORMAT: u32 = 3;

/// Everything that the content of an entry of a [`DiskCache`](crate::DiskCache) depends on: the content of the case's files,
/// wherever they lie, the settings of the preparation, and the versions of the program and the format.
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
    images: Vec<ContentHash>,
    label: Option<ContentHash>,
    settings: &'a S,
}

impl CacheKey {
    /// The key of a case that is prepared with these settings: a value that differs whenever the results may differ.
    ///
    /// # Errors
    /// If one of the case's files cannot be read, or the settings cannot be written as JSON.
    pub fn new(case: &Case, hashes: &ContentHashes, settings: &impl Serialize) -> Result<Self, DataError> {
        let hash = |path: &Path| hashes.hash(path);
        let parts = Parts {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            little_endian: cfg!(target_endian = "little"),
            case: &case.id,
            images: case.images().map(hash).collect::<Result<_, _>>()?,
            label: case.label.as_deref().map(hash).transpose()?,
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
