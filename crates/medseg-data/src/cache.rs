//! Prepared cases kept in memory as far as a budget allows.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::DataError;
use crate::cache_stats::{CacheStats, Counters};
use crate::case::Case;
use crate::case_error::named_once;
use crate::disk::{CacheItem, CacheKey, DiskCache, Found};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;
type Prepare<T> = dyn Fn(&Case) -> Result<T, BoxedError> + Send + Sync;
type Size<T> = dyn Fn(&T) -> usize + Send + Sync;
type Key = dyn Fn(&Case) -> Result<CacheKey, DataError> + Send + Sync;
type Load<T> = dyn Fn(&CacheKey) -> Found<T> + Send + Sync;
type Store<T> = dyn Fn(&CacheKey, &T) -> Result<bool, DataError> + Send + Sync;

/// Cases that are prepared (read, clipped, resampled, ...) once and kept, as long as their bytes fit a budget; what
/// does not fit is prepared anew each time it is asked for, or read back [from a disk](Self::on_disk).
///
/// The preparation must be deterministic: what is kept and what is not changes the time, never the result. All methods
/// may be called from several threads, an `Arc` of the data set shared by several users; two threads that ask for one
/// case at the same time prepare it once, unless it is one that does not fit. Besides what is kept, each thread holds
/// the one item that it prepares.
///
/// Keep compact items: [`CompactSample`](crate::CompactSample) and its parts take half the bytes or less.
///
/// # Examples
/// ```
/// use medseg_data::{CachedDataset, Case};
/// let cases: Vec<Case> = ["a", "b"].iter().map(|name| Case::unlabelled(*name)).collect::<Result<_, _>>()?;
/// let lengths = CachedDataset::new(
///     cases,
///     1 << 20,
///     |case: &Case| Ok::<_, std::io::Error>(vec![0u8; 1000 * case.id.len()]),
///     Vec::len,
/// );
/// assert_eq!(lengths.get(1)?.len(), 1000);
/// assert_eq!(lengths.kept_bytes(), 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CachedDataset<T> {
    cases: Vec<Case>,
    slots: Vec<Mutex<Slot<T>>>,
    prepare: Box<Prepare<T>>,
    size: Box<Size<T>>,
    disk: Option<Disk<T>>,
    budget: usize,
    kept: AtomicUsize,
    counters: Counters,
}

/// The way of a data set's items to a disk and back.
struct Disk<T> {
    key: Box<Key>,
    load: Box<Load<T>>,
    store: Box<Store<T>>,
}

/// State of a case's item.
enum Slot<T> {
    Unknown,
    Kept(Arc<T>),
    /// It did not fit.
    Streamed,
}

impl<T> CachedDataset<T> {
    /// A data set of `cases` that keeps items of at most `budget` bytes in all, as `size` counts them.
    ///
    /// A budget of 0 keeps nothing, `usize::MAX` everything. Nothing is prepared yet.
    pub fn new<E>(
        cases: Vec<Case>,
        budget: usize,
        prepare: impl Fn(&Case) -> Result<T, E> + Send + Sync + 'static,
        size: impl Fn(&T) -> usize + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self {
            slots: cases.iter().map(|_| Mutex::new(Slot::Unknown)).collect(),
            cases,
            prepare: Box::new(move |case| prepare(case).map_err(Into::into)),
            size: Box::new(size),
            disk: None,
            budget,
            kept: AtomicUsize::new(0),
            counters: Counters::default(),
        }
    }

    /// Keeps the items in a [`DiskCache`], too, so that the next run reads them from there. `settings` must tell apart
    /// whatever preparations would give different items.
    ///
    /// A disk that is full or fails costs time, not the run: [`stats`](Self::stats) tells of it.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use medseg_data::{CachedDataset, Case, DiskCache};
    /// # let folder = tempfile::tempdir()?;
    /// # let image = folder.path().join("scan.nii");
    /// # std::fs::write(&image, b"voxels")?;
    /// let disk = Arc::new(DiskCache::open(folder.path().join("cache"), 1 << 30)?);
    /// let cases = vec![Case::unlabelled(&image)?];
    /// for run in 0..2 {
    ///     let prepare = |case: &Case| std::fs::read(&case.image);
    ///     let data = CachedDataset::new(cases.clone(), 1 << 20, prepare, Vec::len).on_disk(disk.clone(), "bytes");
    ///     assert_eq!(*data.get(0)?, b"voxels");
    ///     assert_eq!((data.stats().prepared, data.stats().from_disk), (1 - run, run));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn on_disk<S>(mut self, disk: Arc<DiskCache>, settings: S) -> Self
    where
        T: CacheItem,
        S: Serialize + Send + Sync + 'static,
    {
        let (from, keys) = (disk.clone(), disk.clone());
        self.disk = Some(Disk {
            key: Box::new(move |case| keys.key(case, &settings)),
            load: Box::new(move |key| from.find(key)),
            store: Box::new(move |key, item| disk.store(key, item)),
        });
        self
    }

    /// The cases, in the order of the indices.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// True if there is no case.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// Bytes of the items that are kept at the moment.
    pub fn kept_bytes(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Number of items that are kept at the moment.
    pub fn kept_cases(&self) -> usize {
        (0..self.len()).filter(|&index| matches!(*self.slot(index), Slot::Kept(_))).count()
    }

    /// Counts of the ways to an item that were taken so far.
    pub fn stats(&self) -> CacheStats {
        self.counters.read()
    }

    /// The item of the case with this index.
    ///
    /// # Errors
    /// [`DataError::Prepare`] with the id of the case if its preparation fails or panics; the next call tries again.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> Result<Arc<T>, DataError> {
        let mut slot = self.slot(index);
        match &*slot {
            Slot::Kept(item) => {
                self.counters.count_memory();
                return Ok(item.clone());
            }
            Slot::Unknown => {}
            Slot::Streamed => {
                // Several threads may prepare such a case at once.
                drop(slot);
                return self.make(index).map(Arc::new);
            }
        }
        let item = Arc::new(self.make(index)?);
        *slot = if self.reserve((self.size)(&item)) { Slot::Kept(item.clone()) } else { Slot::Streamed };
        Ok(item)
    }

    /// True for a case that was found not to fit.
    pub(crate) fn is_streamed(&self, index: usize) -> bool {
        matches!(*self.slot(index), Slot::Streamed)
    }

    /// True if asking for a case that does not fit the memory leaves something for later.
    pub(crate) fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// From the disk, or else prepared.
    fn make(&self, index: usize) -> Result<T, DataError> {
        let case = &self.cases[index];
        let Some(disk) = &self.disk else { return self.prepare(case) };
        // Before the files are read: should they change meanwhile, the entry is not that of the new ones.
        let key = match (disk.key)(case) {
            Ok(key) => key,
            // The files cannot be looked at; the preparation says better what that means.
            Err(error) => {
                self.counters.note_disk_error(&error);
                return self.prepare(case);
            }
        };
        match (disk.load)(&key) {
            Found::Item(item) => {
                self.counters.count_disk();
                return Ok(item);
            }
            Found::Damaged => self.counters.count_damaged(),
            Found::Nothing => {}
        }
        let item = self.prepare(case)?;
        if let Err(error) = (disk.store)(&key, &item) {
            self.counters.note_disk_error(&error);
        }
        Ok(item)
    }

    fn prepare(&self, case: &Case) -> Result<T, DataError> {
        self.counters.count_prepared();
        // The item of a preparation that panicked is dropped with all it had made.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.prepare)(case)));
        let outcome = outcome.unwrap_or_else(|payload| Err(format!("panicked: {}", message_of(&*payload)).into()));
        outcome.map_err(|error| named_once(error, &case.id))
    }

    /// Takes `bytes` from the budget if they are left.
    fn reserve(&self, bytes: usize) -> bool {
        let add = |kept: usize| kept.checked_add(bytes).filter(|&sum| sum <= self.budget);
        self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    fn slot(&self, index: usize) -> MutexGuard<'_, Slot<T>> {
        // A size that panicked leaves the slot unknown, which is true.
        self.slots[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for CachedDataset<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedDataset")
            .field("cases", &self.len())
            .field("budget", &self.budget)
            .field("kept_bytes", &self.kept_bytes())
            .finish_non_exhaustive()
    }
}

/// The message of a panic.
fn message_of(payload: &(dyn Any + Send)) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("no message")
}
