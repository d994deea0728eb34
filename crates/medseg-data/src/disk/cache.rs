//! A folder of prepared cases.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use medseg_files::{PART, UNFINISHED};
use serde::Serialize;

use super::entry::{length, read, write};
use super::{CacheItem, CacheKey};
use crate::{Case, ContentHashes, DataError};

/// Ending of the entries.
const ITEM: &str = "item";
/// Memory of the hashes of the cases' files.
const HASHES: &str = "hashes.json";
/// After this time an unfinished entry is one of a killed process.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Prepared cases in a folder, so that the next run need not prepare them again.
///
/// An entry is found by its [`CacheKey`], which changes with the content of the case's files and the settings. The file
/// `hashes.json` remembers the files' [`ContentHashes`], so that an unchanged file is not read. Entries appear whole
/// (written under a temporary name, then renamed) and carry a checksum, so a damaged one is removed and made anew. The
/// entries' bytes stay within the budget: for a new one, those that have not been used for longest are removed, but none
/// that this value has read or written, as a run goes round its cases again and again. Several values and processes may
/// use one folder; each keeps its own budget.
///
/// # Examples
/// ```
/// use medseg_data::{Case, DiskCache};
/// let folder = tempfile::tempdir()?;
/// let image = folder.path().join("scan.nii");
/// std::fs::write(&image, b"voxels")?;
/// let cache = DiskCache::open(folder.path().join("cache"), 1 << 30)?;
/// let key = cache.key(&Case::unlabelled(&image)?, &("window", -300, 300))?;
/// assert_eq!(cache.load::<Vec<u8>>(&key), None);
/// assert!(cache.store(&key, &vec![1u8, 2, 3])?);
/// assert_eq!(cache.load(&key), Some(vec![1u8, 2, 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DiskCache {
    folder: PathBuf,
    budget: u64,
    hashes: Arc<ContentHashes>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Names of the entries that are not removed.
    used: BTreeSet<String>,
    /// Bytes of the entries that are being written.
    under_way: u64,
}

/// Result of looking for an entry.
pub(crate) enum Found<T> {
    Item(T),
    Nothing,
    /// There was one that cannot be used; it is removed.
    Damaged,
}

impl DiskCache {
    /// Opens a folder, which is made if it is not there; `budget` is in bytes. What a killed process left unfinished is
    /// removed after an hour.
    ///
    /// # Errors
    /// If the folder cannot be made or listed.
    pub fn open(folder: impl Into<PathBuf>, budget: u64) -> Result<Self, DataError> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(DataError::io(&folder))?;
        let hashes = Arc::new(ContentHashes::open(folder.join(HASHES)));
        let cache = Self { folder, budget, hashes, state: Mutex::default() };
        for file in cache.files(is_unfinished).map_err(DataError::io(&cache.folder))? {
            if SystemTime::now().duration_since(file.used).is_ok_and(|age| age > ABANDONED) {
                remove(&file.path).map_err(DataError::io(&file.path))?;
            }
        }
        Ok(cache)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The most bytes that the entries take.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes of all entries, those of other runs among them.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn bytes(&self) -> Result<u64, DataError> {
        let files = self.files(is_entry).map_err(DataError::io(&self.folder))?;
        Ok(files.iter().map(|file| file.bytes).sum())
    }

    /// The hashes of the cases' files, as this cache remembers them.
    pub fn hashes(&self) -> &Arc<ContentHashes> {
        &self.hashes
    }

    /// The key of a case that is prepared with these settings.
    ///
    /// # Errors
    /// As [`CacheKey::new`].
    pub fn key(&self, case: &Case, settings: &impl Serialize) -> Result<CacheKey, DataError> {
        CacheKey::new(case, &self.hashes, settings)
    }

    /// The entry of this key, if there is one that can be read.
    pub fn load<T: CacheItem>(&self, key: &CacheKey) -> Option<T> {
        match self.find(key) {
            Found::Item(item) => Some(item),
            Found::Nothing | Found::Damaged => None,
        }
    }

    pub(crate) fn find<T: CacheItem>(&self, key: &CacheKey) -> Found<T> {
        let name = key.file_name();
        let path = self.folder.join(&name);
        let Ok(file) = File::open(&path) else { return Found::Nothing };
        match read(&file, key) {
            Ok(Some(item)) => {
                // When it was last used; where that cannot be noted it may be removed too early, no more.
                let _ = file.set_modified(SystemTime::now());
                self.state().used.insert(name);
                Found::Item(item)
            }
            Ok(None) => Found::Nothing,
            Err(_) => {
                let _ = fs::remove_file(&path);
                Found::Damaged
            }
        }
    }

    /// Keeps an item, in place of an earlier one of this key. `false` if it does not fit the budget.
    ///
    /// # Errors
    /// If the folder cannot be listed or written; nothing is left behind.
    pub fn store(&self, key: &CacheKey, item: &impl CacheItem) -> Result<bool, DataError> {
        let name = key.file_name();
        let bytes = length(key, item).map_err(DataError::io(&self.folder))?;
        if !self.make_room(&name, bytes).map_err(DataError::io(&self.folder))? {
            return Ok(false);
        }
        let path = self.folder.join(&name);
        let written = write(&path, key, item);
        let mut state = self.state();
        state.under_way -= bytes;
        match written {
            Ok(()) => {
                state.used.insert(name);
                Ok(true)
            }
            Err(source) => Err(DataError::Io { path, source }),
        }
    }

    /// Counts `bytes` as being written if the budget has room for them, or gets it.
    fn make_room(&self, name: &str, bytes: u64) -> io::Result<bool> {
        let mut state = self.state();
        let mut files = self.files(is_entry)?;
        files.retain(|file| file.name != name);
        let mut taken: u64 = files.iter().map(|file| file.bytes).sum::<u64>().saturating_add(state.under_way);
        files.sort_by_key(|file| std::cmp::Reverse(file.used));
        files.retain(|file| !state.used.contains(&file.name));
        let removable: u64 = files.iter().map(|file| file.bytes).sum();
        if (taken - removable).saturating_add(bytes) > self.budget {
            return Ok(false);
        }
        while taken.saturating_add(bytes) > self.budget {
            let Some(oldest) = files.pop() else { return Ok(false) };
            remove(&oldest.path)?;
            taken -= oldest.bytes;
        }
        state.under_way += bytes;
        Ok(true)
    }

    /// The folder's files of one kind; all others belong to somebody else.
    fn files(&self, is_wanted: fn(&str) -> bool) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !is_wanted(name) {
                continue;
            }
            match path.metadata() {
                Ok(state) => {
                    let (name, bytes, used) = (name.to_string(), state.len(), state.modified()?);
                    files.push(Listed { name, path, bytes, used });
                }
                // Another process has removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for the name of an entry: the case, the key's hash, the ending.
fn is_entry(name: &str) -> bool {
    let hash = name.strip_suffix(ITEM).and_then(|stem| stem.strip_suffix('.')).and_then(|stem| stem.rsplit_once('-'));
    hash.is_some_and(|(_, hash)| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// True for the name of an entry that is being written, or was when its process ended.
fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED) && name.ends_with(PART)
}

struct Listed {
    name: String,
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Removes a file that another process may have removed already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
