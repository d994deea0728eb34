//! The zip archive of a checkpoint, whose entries are stored without compression.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::problem::CheckpointProblem;
use crate::NnUnetError;

/// Largest pickle that is read. That of the largest published models has about 2 MB.
const LARGEST_PICKLE: u64 = 64 << 20;
/// Largest directory of entries that is read.
const LARGEST_DIRECTORY: u64 = 64 << 20;
/// Bytes read at once for a checksum.
const CHUNK: u64 = 1 << 16;

/// The first bytes of the format before PyTorch 1.6, a pickle of its magic number; before them, the pickle's protocol.
const LEGACY: [u8; 12] = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Bytes at the start in which they lie: later protocols put a frame before them.
const LEGACY_START: u64 = 32;

/// An open archive.
#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    file: Mutex<File>,
    length: u64,
    entries: BTreeMap<String, Entry>,
    /// Headers of the entries whose checksum was found right.
    checked: Mutex<BTreeSet<u64>>,
}

/// An entry of the archive.
#[derive(Debug, Clone, Copy)]
struct Entry {
    header: u64,
    bytes: u64,
    checksum: u32,
    stored: bool,
}

impl Archive {
    /// Opens a file and reads its directory.
    pub(super) fn open(path: &Path) -> Result<Self, NnUnetError> {
        let mut file = File::open(path).map_err(|source| NnUnetError::io(path, source))?;
        let length = file.metadata().map_err(|source| NnUnetError::io(path, source))?.len();
        let entries = Directory { path, file: &mut file, length }.entries()?;
        let (file, checked) = (Mutex::new(file), Mutex::default());
        Ok(Self { path: path.to_owned(), file, length, entries, checked })
    }

    /// Path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes an error that names the file.
    pub(super) fn error(&self, problem: CheckpointProblem) -> NnUnetError {
        NnUnetError::checkpoint(&self.path, problem)
    }

    /// The folder in which all entries lie: `archive` in `archive/data.pkl`.
    pub(super) fn root(&self) -> Result<&str, NnUnetError> {
        self.entries
            .keys()
            .find_map(|name| name.strip_suffix("/data.pkl").filter(|root| !root.contains('/')))
            .ok_or_else(|| self.error(CheckpointProblem::MissingEntry { entry: "data.pkl".to_owned() }))
    }

    /// Reads the pickle.
    pub(super) fn pickle(&self) -> Result<Vec<u8>, NnUnetError> {
        let name = format!("{}/data.pkl", self.root()?);
        let bytes = self.bytes(&name).unwrap_or(0);
        if bytes > LARGEST_PICKLE {
            return Err(self.error(CheckpointProblem::TooLarge { entry: name, bytes, limit: LARGEST_PICKLE }));
        }
        self.read(&name, 0, bytes)
    }

    /// Size of an entry in bytes, if there is one of that name.
    pub(super) fn bytes(&self, name: &str) -> Option<u64> {
        self.entries.get(name).map(|entry| entry.bytes)
    }

    /// Reads `bytes` bytes of an entry from `start` on. Its checksum is verified at the first call.
    pub(super) fn read(&self, name: &str, start: u64, bytes: u64) -> Result<Vec<u8>, NnUnetError> {
        let missing = || self.error(CheckpointProblem::MissingEntry { entry: name.to_owned() });
        let outside = || self.error(CheckpointProblem::DamagedZip { part: "an entry lies outside of the file" });
        let entry = *self.entries.get(name).ok_or_else(missing)?;
        if !entry.stored {
            return Err(self.error(CheckpointProblem::NotStored { entry: name.to_owned() }));
        }
        let mut file = lock(&self.file);
        let io = |source| NnUnetError::io(&self.path, source);
        let header = read_at(&mut file, self.length, entry.header, 30).map_err(io)?.ok_or_else(outside)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(self.error(CheckpointProblem::DamagedZip { part: "an entry has no header" }));
        }
        let skipped = 30 + u64::from(u16_at(&header, 26).unwrap_or(0)) + u64::from(u16_at(&header, 28).unwrap_or(0));
        let data = entry.header + skipped;
        if data.checked_add(entry.bytes).is_none_or(|end| end > self.length) {
            return Err(outside());
        }
        // A zero stands for no checksum: `torch.serialization.set_crc32_options(False)` writes it.
        if entry.checksum != 0 && !lock(&self.checked).contains(&entry.header) {
            let mut checksum = crc32fast::Hasher::new();
            let mut position = 0;
            while position < entry.bytes {
                let chunk = CHUNK.min(entry.bytes - position);
                checksum
                    .update(&read_at(&mut file, self.length, data + position, chunk).map_err(io)?.ok_or_else(outside)?);
                position += chunk;
            }
            if checksum.finalize() != entry.checksum {
                return Err(self.error(CheckpointProblem::Checksum { entry: name.to_owned() }));
            }
            lock(&self.checked).insert(entry.header);
        }
        if start.checked_add(bytes).is_none_or(|end| end > entry.bytes) {
            return Err(outside());
        }
        read_at(&mut file, self.length, data + start, bytes).map_err(io)?.ok_or_else(outside)
    }
}

/// The directory at the end of the archive, while it is read.
struct Directory<'a> {
    path: &'a Path,
    file: &'a mut File,
    length: u64,
}

impl Directory<'_> {
    fn read(&mut self, start: u64, bytes: u64) -> Result<Option<Vec<u8>>, NnUnetError> {
        read_at(self.file, self.length, start, bytes).map_err(|source| NnUnetError::io(self.path, source))
    }

    fn error(&self, problem: CheckpointProblem) -> NnUnetError {
        NnUnetError::checkpoint(self.path, problem)
    }

    fn damaged(&self, part: &'static str) -> NnUnetError {
        self.error(CheckpointProblem::DamagedZip { part })
    }

    fn entries(&mut self) -> Result<BTreeMap<String, Entry>, NnUnetError> {
        let head = self.read(0, self.length.min(LEGACY_START))?.unwrap_or_default();
        if head.first() == Some(&0x80) && head.windows(LEGACY.len()).any(|bytes| bytes == LEGACY) {
            return Err(self.error(CheckpointProblem::LegacyFormat));
        }
        let (start, bytes) = self.position()?;
        if bytes > LARGEST_DIRECTORY {
            let entry = "of all names".to_owned();
            return Err(self.error(CheckpointProblem::TooLarge { entry, bytes, limit: LARGEST_DIRECTORY }));
        }
        let directory =
            self.read(start, bytes)?.ok_or_else(|| self.damaged("the directory lies outside of the file"))?;
        let mut entries = BTreeMap::new();
        let mut rest = &directory[..];
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (name, entry, size) = directory_entry(rest).ok_or_else(|| self.damaged("its directory"))?;
            // Entries that overlap would let a small file hold large tensors.
            total = total.saturating_add(if entry.stored { entry.bytes } else { 0 });
            if total > self.length {
                return Err(self.damaged("its entries overlap"));
            }
            // Readers differ in which of two entries they take.
            if entries.insert(name, entry).is_some() {
                return Err(self.damaged("two entries have one name"));
            }
            rest = rest.get(size..).unwrap_or_default();
        }
        Ok(entries)
    }

    /// Position and size of the directory, in bytes.
    fn position(&mut self) -> Result<(u64, u64), NnUnetError> {
        // The record at the end has 22 bytes and a comment of at most 65535.
        let tail_start = self.length.saturating_sub(22 + 65535);
        let tail = self.read(tail_start, self.length - tail_start)?.unwrap_or_default();
        let is_end = |at: &usize| {
            tail[*at..].starts_with(b"PK\x05\x06")
                && u16_at(&tail, *at + 20).is_some_and(|comment| *at + 22 + usize::from(comment) == tail.len())
        };
        let candidates = 0..tail.len().saturating_sub(21);
        let end = candidates.rev().find(is_end).ok_or_else(|| self.error(CheckpointProblem::NotZip))?;
        let (bytes, start) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16));
        let (Some(bytes), Some(start)) = (bytes, start) else { return Err(self.damaged("its end")) };
        let locator = end.checked_sub(20).and_then(|at| tail.get(at..end));
        let locator = locator.filter(|locator| locator.starts_with(b"PK\x06\x07"));
        match locator.and_then(|locator| u64_at(locator, 8)) {
            Some(record) if bytes == u32::MAX || start == u32::MAX => {
                let record = self.read(record, 56)?.filter(|record| record.starts_with(b"PK\x06\x06"));
                let found = record.and_then(|record| Some((u64_at(&record, 48)?, u64_at(&record, 40)?)));
                found.ok_or_else(|| self.damaged("its end for large archives"))
            }
            _ => Ok((u64::from(start), u64::from(bytes))),
        }
    }
}

/// Name, entry and size of the first record of a directory.
fn directory_entry(record: &[u8]) -> Option<(String, Entry, usize)> {
    if !record.starts_with(b"PK\x01\x02") {
        return None;
    }
    let length = |at| u16_at(record, at).map(usize::from);
    let name_end = 46 + length(28)?;
    let extra_end = name_end + length(30)?;
    let size = extra_end + length(32)?;
    let name = String::from_utf8_lossy(record.get(46..name_end)?).into_owned();
    let mut large = large_sizes(record.get(name_end..extra_end)?);
    // The extra field holds those of the sizes that do not fit 32 bits, in this order.
    let mut wide = |at| match u32_at(record, at)? {
        u32::MAX => {
            let (value, rest) = large.split_at_checked(8)?;
            large = rest;
            u64_at(value, 0)
        }
        small => Some(u64::from(small)),
    };
    let bytes = wide(24)?;
    let packed = wide(20)?;
    let header = wide(42)?;
    let (flags, method, checksum) = (u16_at(record, 8)?, u16_at(record, 10)?, u32_at(record, 16)?);
    let stored = method == 0 && flags & 1 == 0 && packed == bytes;
    record.get(..size)?;
    Some((name, Entry { header, bytes, checksum, stored }, size))
}

/// The extra field of sizes over 32 bits, or nothing.
fn large_sizes(mut extra: &[u8]) -> &[u8] {
    while let (Some(kind), Some(size)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let end = 4 + usize::from(size);
        if kind == 1 {
            return extra.get(4..end).unwrap_or_default();
        }
        extra = extra.get(end..).unwrap_or_default();
    }
    &[]
}

/// Reads bytes of a file, or nothing if they lie outside of it; so no more memory is taken than the file has.
fn read_at(file: &mut File, length: u64, start: u64, bytes: u64) -> std::io::Result<Option<Vec<u8>>> {
    let end = start.checked_add(bytes).filter(|end| *end <= length);
    let (Some(_), Ok(size)) = (end, usize::try_from(bytes)) else { return Ok(None) };
    let mut read = vec![0; size];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut read)?;
    Ok(Some(read))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}
