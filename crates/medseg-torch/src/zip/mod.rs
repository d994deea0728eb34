//! The zip archive of a file, whose entries are stored without compression.

mod directory;
mod entry;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use entry::Entry;

use crate::bytes::u16_at;
use crate::pickle::LARGEST_PICKLE;
use crate::source::{Source, lock};
use crate::{TorchError, TorchFormat, TorchProblem};

/// Bytes read at once for a checksum.
const CHUNK: u64 = 1 << 16;

/// An open archive.
#[derive(Debug)]
pub(crate) struct Archive {
    source: Source,
    /// The folder in which all entries lie: `archive` in `archive/data.pkl`.
    root: String,
    entries: BTreeMap<String, Entry>,
    /// Headers of the entries whose checksum was found right.
    checked: Mutex<BTreeSet<u64>>,
}

impl Archive {
    /// Reads the directory of a file.
    pub(crate) fn open(source: Source) -> Result<Self, TorchError> {
        let entries = directory::entries(&source)?;
        let root = entries
            .keys()
            .find_map(|name| name.strip_suffix("/data.pkl").filter(|root| !root.contains('/')))
            .ok_or_else(|| source.error(TorchProblem::MissingEntry { entry: "data.pkl".to_owned() }))?;
        Ok(Self { root: root.to_owned(), source, entries, checked: Mutex::default() })
    }

    /// The file.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Format of the archive: `torch.jit.save` writes a second pickle, of constants.
    pub(crate) fn format(&self) -> TorchFormat {
        match self.bytes(&self.entry("constants.pkl")) {
            Some(_) => TorchFormat::TorchScript,
            None => TorchFormat::Zip,
        }
    }

    /// Full name of an entry.
    pub(crate) fn entry(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    /// Reads the pickle.
    pub(crate) fn pickle(&self) -> Result<Vec<u8>, TorchError> {
        let name = self.entry("data.pkl");
        let bytes = self.bytes(&name).unwrap_or(0);
        if bytes > LARGEST_PICKLE {
            return Err(self.source.error(TorchProblem::TooLarge { entry: name, bytes, limit: LARGEST_PICKLE }));
        }
        self.read(&name, 0, bytes)
    }

    /// Size of an entry in bytes, if there is one of that name.
    pub(crate) fn bytes(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.bytes)
    }

    /// Reads `bytes` bytes of an entry from `start` on. Its checksum is verified at the first call.
    pub(crate) fn read(&self, name: &str, start: u64, bytes: u64) -> Result<Vec<u8>, TorchError> {
        let error = |problem| self.source.error(problem);
        let outside = || error(TorchProblem::DamagedZip { part: "an entry lies outside of the file" });
        let missing = || error(TorchProblem::MissingEntry { entry: name.to_owned() });
        let entry = *self.entries.get(name).ok_or_else(missing)?;
        if !entry.stored {
            return Err(error(TorchProblem::NotStored { entry: name.to_owned() }));
        }
        let header = self.source.read(entry.header, 30)?.ok_or_else(outside)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(error(TorchProblem::DamagedZip { part: "an entry has no header" }));
        }
        let skipped = 30 + u64::from(u16_at(&header, 26).unwrap_or(0)) + u64::from(u16_at(&header, 28).unwrap_or(0));
        let data = entry.header + skipped;
        if data.checked_add(entry.bytes).is_none_or(|end| end > self.source.length()) {
            return Err(outside());
        }
        // A zero stands for no checksum: `torch.serialization.set_crc32_options(False)` writes it.
        if entry.checksum != 0 && !lock(&self.checked).contains(&entry.header) {
            let mut checksum = crc32fast::Hasher::new();
            let mut position = 0;
            while position < entry.bytes {
                let chunk = CHUNK.min(entry.bytes - position);
                checksum.update(&self.source.read(data + position, chunk)?.ok_or_else(outside)?);
                position += chunk;
            }
            if checksum.finalize() != entry.checksum {
                return Err(error(TorchProblem::Checksum { entry: name.to_owned() }));
            }
            lock(&self.checked).insert(entry.header);
        }
        if start.checked_add(bytes).is_none_or(|end| end > entry.bytes) {
            return Err(outside());
        }
        self.source.read(data + start, bytes)?.ok_or_else(outside)
    }
}
