//! The file: a line that says what it is, then records, one after the other, of which the last one of a key counts.
//!
//! A record is its length and a checksum, then the operation, a namespace and a key with their lengths, and a value. A record
//! cut off by a kill, and anything behind it, is removed by the next one who writes. Writers hold a lock on the file.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::while_doing;
use crate::statement::{IMPORTED, Over};

/// Begins the file. Another version is another cache.
const MAGIC: &[u8] = b"cubecl cache, one record after another, 1\n";
/// A record at most: compiled kernels take less than a megabyte.
const MAX_RECORD: u32 = 64 << 20;
/// The file at most. A larger one is begun anew.
const MAX_FILE: u64 = 1 << 30;
/// Length and checksum of a record.
const HEAD: usize = 8;

/// Operation of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// An entry made here, or imported.
    Insert {
        origin: u8,
    },
    /// A fact about the file.
    Meta,
    PurgeKey,
    Purge,
    Drop,
}

impl Operation {
    fn code(self) -> u8 {
        match self {
            Self::Insert { origin } => origin,
            Self::Meta => 2,
            Self::PurgeKey => 3,
            Self::Purge => 4,
            Self::Drop => 5,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 | IMPORTED => Self::Insert { origin: code },
            2 => Self::Meta,
            3 => Self::PurgeKey,
            4 => Self::Purge,
            5 => Self::Drop,
            _ => return None,
        })
    }
}

/// An entry's value and origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Vec<u8>,
    pub(crate) origin: u8,
}

/// The file and what it says.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    read_only: bool,
    /// Longest wait for a lock.
    pub(crate) patience: Duration,
    /// Bytes of the file that have been read; all whole records.
    known: u64,
    entries: HashMap<String, BTreeMap<Vec<u8>, Entry>>,
    meta: HashMap<String, String>,
}

impl Log {
    /// Opens the file, which is made if it is missing and may be written.
    pub(crate) fn open(path: &Path, read_only: bool) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true);
        if !read_only {
            options.write(true).create(true).truncate(false);
        }
        let file = options.open(path).map_err(while_doing("opening the cache"))?;
        let (entries, meta) = (HashMap::new(), HashMap::new());
        let mut log = Self { file, read_only, patience: Duration::from_secs(5), known: 0, entries, meta };
        if !read_only {
            // Of an unknown or overgrown file nothing is kept.
            log.written(|_| Ok(()))?;
        } else {
            log.catch_up().map_err(while_doing("reading the cache"))?;
        }
        Ok(log)
    }

    /// The value of a fact about the file.
    pub(crate) fn meta(&mut self, key: &str) -> Option<String> {
        self.refresh();
        self.meta.get(key).cloned()
    }

    /// The entry of a key.
    pub(crate) fn get(&mut self, namespace: &str, key: &[u8]) -> Option<&Entry> {
        self.refresh();
        self.entries.get(namespace)?.get(key)
    }

    /// The entries of a namespace, in the order of their keys.
    pub(crate) fn scan(&mut self, namespace: &str) -> impl Iterator<Item = (&Vec<u8>, &Entry)> {
        self.refresh();
        self.entries.get(namespace).into_iter().flatten()
    }

    /// Every namespace with its number of entries and their bytes, sorted by name.
    pub(crate) fn summary(&mut self) -> Vec<(String, i64, i64)> {
        self.refresh();
        let bytes = |(key, entry): (&Vec<u8>, &Entry)| (key.len() + entry.value.len()) as i64;
        let some = self.entries.iter().filter(|(_, entries)| !entries.is_empty());
        let mut all: Vec<_> =
            some.map(|(name, entries)| (name.clone(), entries.len() as i64, entries.iter().map(bytes).sum())).collect();
        all.sort();
        all
    }

    pub(crate) fn set_meta(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.written(|log| log.append(Operation::Meta, key, &[], value.as_bytes()))
    }

    pub(crate) fn drop_entries(&mut self) -> Result<(), Error> {
        self.written(|log| log.append(Operation::Drop, "", &[], &[]))
    }

    pub(crate) fn purge(&mut self, namespace: &str) -> Result<(), Error> {
        self.written(|log| log.append(Operation::Purge, namespace, &[], &[]))
    }

    pub(crate) fn purge_key(&mut self, namespace: &str, key: &[u8]) -> Result<(), Error> {
        self.written(|log| log.append(Operation::PurgeKey, namespace, key, &[]))
    }

    /// Adds an entry; false if one is there that must stay.
    pub(crate) fn insert(&mut self, namespace: &str, key: &[u8], entry: Entry, over: Over) -> Result<bool, Error> {
        self.written(|log| {
            let before = log.entries.get(namespace).and_then(|entries| entries.get(key));
            let stays = before.is_some_and(|before| match over {
                Over::Any => false,
                Over::Imported => before.origin != IMPORTED || entry.origin == IMPORTED,
            });
            if stays {
                return Ok(false);
            }
            log.append(Operation::Insert { origin: entry.origin }, namespace, key, &entry.value)?;
            Ok(true)
        })
    }

    /// Holds the lock during `write`, after reading what others have written.
    fn written<T>(&mut self, write: impl FnOnce(&mut Self) -> io::Result<T>) -> Result<T, Error> {
        if self.read_only {
            return Err(Error::Error("the cache was opened for reading".into()));
        }
        let started = Instant::now();
        loop {
            match self.file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < self.patience => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => return Err(Error::Busy("another process writes the cache".into())),
                Err(TryLockError::Error(error)) => return Err(while_doing("locking the cache")(error)),
            }
        }
        let result = self.prepare().and_then(|()| write(self));
        let unlocked = self.file.unlock();
        let value = result.map_err(while_doing("writing the cache"))?;
        unlocked.map_err(while_doing("unlocking the cache"))?;
        Ok(value)
    }

    /// Reads what is new and removes what is no record, so that the file ends where the next one begins.
    fn prepare(&mut self) -> io::Result<()> {
        self.catch_up()?;
        let length = self.file.metadata()?.len();
        if self.known == 0 || length > MAX_FILE {
            self.entries.clear();
            self.meta.clear();
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(MAGIC)?;
            self.known = MAGIC.len() as u64;
        } else if length > self.known {
            self.file.set_len(self.known)?;
        }
        Ok(())
    }

    /// As [`catch_up`](Self::catch_up); what cannot be read is missing.
    fn refresh(&mut self) {
        let _ = self.catch_up();
    }

    /// Reads the records behind those known, as far as they are whole.
    fn catch_up(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length < self.known {
            // Begun anew by another process.
            (self.known, self.entries, self.meta) = (0, HashMap::new(), HashMap::new());
        }
        if length == self.known || length > MAX_FILE {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.known))?;
        let mut bytes = Vec::new();
        (&self.file).take(length - self.known).read_to_end(&mut bytes)?;
        let mut rest = bytes.as_slice();
        if self.known == 0 {
            let Some(records) = rest.strip_prefix(MAGIC) else { return Ok(()) };
            (self.known, rest) = (MAGIC.len() as u64, records);
        }
        while let Some((record, behind)) = record(rest) {
            if self.apply(record).is_none() {
                break;
            }
            self.known += (rest.len() - behind.len()) as u64;
            rest = behind;
        }
        Ok(())
    }

    /// Writes a record and does what it says.
    fn append(&mut self, operation: Operation, namespace: &str, key: &[u8], value: &[u8]) -> io::Result<()> {
        let mut record = vec![operation.code()];
        for part in [namespace.as_bytes(), key] {
            record.extend((part.len() as u32).to_le_bytes());
            record.extend(part);
        }
        record.extend(value);
        let length = u32::try_from(record.len()).ok().filter(|length| *length <= MAX_RECORD);
        let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = Vec::with_capacity(HEAD + record.len());
        bytes.extend(length.to_le_bytes());
        bytes.extend(crc32fast::hash(&record).to_le_bytes());
        bytes.extend(&record);
        self.file.seek(SeekFrom::Start(self.known))?;
        self.file.write_all(&bytes)?;
        self.known += bytes.len() as u64;
        self.apply(&record);
        Ok(())
    }

    /// Does what a record says; none if it is none.
    fn apply(&mut self, record: &[u8]) -> Option<()> {
        let (code, rest) = record.split_first()?;
        let (namespace, rest) = part(rest)?;
        let (key, value) = part(rest)?;
        let namespace = std::str::from_utf8(namespace).ok()?;
        match Operation::of(*code)? {
            Operation::Insert { origin } => {
                let entry = Entry { value: value.to_vec(), origin };
                self.entries.entry(namespace.into()).or_default().insert(key.to_vec(), entry);
            }
            Operation::Meta => {
                self.meta.insert(namespace.into(), std::str::from_utf8(value).ok()?.into());
            }
            Operation::PurgeKey => {
                self.entries.get_mut(namespace).and_then(|entries| entries.remove(key));
            }
            Operation::Purge => {
                self.entries.remove(namespace);
            }
            Operation::Drop => self.entries.clear(),
        }
        Some(())
    }
}

/// The first record of these bytes, if it is whole, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (length, checksum) = head.split_at(4);
    let length = u32::from_le_bytes(length.try_into().ok()?);
    if length > MAX_RECORD {
        return None;
    }
    let (record, rest) = rest.split_at_checked(length as usize)?;
    (crc32fast::hash(record).to_le_bytes() == *checksum).then_some((record, rest))
}

/// The first part of a record, which begins with its length, and the rest.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &[u8]) -> Entry {
        Entry { value: value.to_vec(), origin: 0 }
    }

    fn keys(log: &mut Log, namespace: &str) -> Vec<Vec<u8>> {
        log.scan(namespace).map(|(key, _)| key.clone()).collect()
    }

    #[test]
    fn what_one_writes_another_reads_at_once_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        let (mut a, mut b) = (Log::open(&path, false).unwrap(), Log::open(&path, false).unwrap());
        assert_eq!(a.insert("n", b"1", entry(b"one"), Over::Imported), Ok(true));
        assert_eq!(b.get("n", b"1").unwrap().value, b"one");
        assert_eq!(b.insert("n", b"1", entry(b"other"), Over::Imported), Ok(false));
        assert_eq!(b.insert("n", b"2", entry(b"two"), Over::Imported), Ok(true));
        assert_eq!(keys(&mut a, "n"), [b"1", b"2"]);
        a.set_meta("v", "3").unwrap();
        a.purge_key("n", b"1").unwrap();
        let mut c = Log::open(&path, true).unwrap();
        assert_eq!((c.meta("v"), keys(&mut c, "n")), (Some("3".into()), vec![b"2".to_vec()]));
        assert!(c.purge("n").is_err());
        b.purge("n").unwrap();
        assert_eq!(keys(&mut a, "n").len() + keys(&mut c, "n").len(), 0);
    }

    #[test]
    fn a_local_entry_replaces_an_imported_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(&folder.path().join("cache.db"), false).unwrap();
        let imported = |value: &[u8]| Entry { value: value.to_vec(), origin: IMPORTED };
        assert_eq!(log.insert("n", b"k", imported(b"a"), Over::Imported), Ok(true));
        assert_eq!(log.insert("n", b"k", imported(b"b"), Over::Imported), Ok(false));
        assert_eq!(log.insert("n", b"k", entry(b"c"), Over::Imported), Ok(true));
        assert_eq!(log.insert("n", b"k", imported(b"d"), Over::Imported), Ok(false));
        assert_eq!(log.insert("n", b"k", imported(b"e"), Over::Any), Ok(true));
        assert_eq!(log.get("n", b"k"), Some(&imported(b"e")));
        log.drop_entries().unwrap();
        assert_eq!(log.get("n", b"k"), None);
    }

    /// Whatever is cut off or changed: what lies before stays, nothing else is read, and writing goes on.
    #[test]
    fn damage_costs_what_is_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        let mut log = Log::open(&path, false).unwrap();
        for key in 0..3u8 {
            log.insert("n", &[key], entry(&[key; 40]), Over::Any).unwrap();
        }
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x41;
            for damaged in [&whole[..at], &changed] {
                std::fs::write(&path, damaged).unwrap();
                let mut log = Log::open(&path, false).unwrap();
                let found = keys(&mut log, "n");
                assert!(
                    found.len() < 3 && (0..found.len()).all(|key| found[key] == [key as u8]),
                    "byte {at}: {found:?}"
                );
                log.insert("n", &[9], entry(b"new"), Over::Any).unwrap();
                drop(log);
                let mut again = Log::open(&path, false).unwrap();
                assert_eq!(keys(&mut again, "n").len(), found.len() + 1, "byte {at}");
            }
        }
    }

    #[test]
    fn lengths_that_no_file_has_take_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        for length in [u32::MAX, MAX_RECORD, 1 << 20] {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(length.to_le_bytes());
            bytes.extend([0; 100]);
            std::fs::write(&path, bytes).unwrap();
            assert!(keys(&mut Log::open(&path, true).unwrap(), "n").is_empty());
        }
        let mut log = Log::open(&path, false).unwrap();
        assert!(log.insert("n", b"k", entry(&vec![0; MAX_RECORD as usize]), Over::Any).is_err());
        assert_eq!(log.insert("n", b"k", entry(b"v"), Over::Any), Ok(true));
    }

    #[test]
    fn many_writers_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache.db");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let path = &path;
                scope.spawn(move || {
                    let mut log = Log::open(path, false).unwrap();
                    for key in 0..50u8 {
                        let stored = log.insert("n", &[writer, key], entry(&[key; 1000]), Over::Imported);
                        assert_eq!(stored, Ok(true));
                    }
                });
            }
        });
        assert_eq!(keys(&mut Log::open(&path, true).unwrap(), "n").len(), 200);
    }
}
