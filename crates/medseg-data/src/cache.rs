//! Prepared cases kept in memory as far as a budget allows.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::DataError;
use crate::case::Case;

type Prepare<T> = dyn Fn(&Case) -> Result<T, Box<dyn std::error::Error + Send + Sync>> + Send + Sync;
type Size<T> = dyn Fn(&T) -> usize + Send + Sync;

/// Cases that are prepared (read, clipped, resampled, ...) once and kept, as long as their bytes fit a budget; what
/// does not fit is prepared anew each time it is asked for.
///
/// The preparation must be deterministic: what is kept and what is not changes the time, never the result. All methods
/// may be called from several threads; two threads that ask for one case at the same time prepare it once, unless it is
/// one that does not fit.
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
    budget: usize,
    kept: AtomicUsize,
}

/// What is known of a case's item.
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
            budget,
            kept: AtomicUsize::new(0),
        }
    }

    /// The cases, in the order of the indices.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Number of cases.
    pub fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether there is no case.
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

    /// What keeping all items would take, from the bytes that `size_of` expects of each case (its header tells).
    ///
    /// # Errors
    /// The first error of `size_of`.
    pub fn estimate<E>(&self, size_of: impl FnMut(&Case) -> Result<usize, E>) -> Result<CacheEstimate, E> {
        let sizes = self.cases.iter().map(size_of).collect::<Result<Vec<_>, E>>()?;
        Ok(CacheEstimate::new(&sizes, self.budget))
    }

    /// The item of the case with this index.
    ///
    /// # Errors
    /// [`DataError::Prepare`] with the id of the case if its preparation fails; the next call tries again.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> Result<Arc<T>, DataError> {
        let mut slot = self.slot(index);
        match &*slot {
            Slot::Kept(item) => return Ok(item.clone()),
            Slot::Unknown => {}
            Slot::Streamed => {
                // Several threads may prepare such a case at once.
                drop(slot);
                return self.prepare(index).map(Arc::new);
            }
        }
        let item = Arc::new(self.prepare(index)?);
        *slot = if self.reserve((self.size)(&item)) { Slot::Kept(item.clone()) } else { Slot::Streamed };
        Ok(item)
    }

    fn prepare(&self, index: usize) -> Result<T, DataError> {
        let case = &self.cases[index];
        (self.prepare)(case).map_err(|source| DataError::Prepare { case: case.id.clone(), source })
    }

    /// Takes `bytes` from the budget if they are left.
    fn reserve(&self, bytes: usize) -> bool {
        let add = |kept: usize| kept.checked_add(bytes).filter(|&sum| sum <= self.budget);
        self.kept.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
    }

    fn slot(&self, index: usize) -> MutexGuard<'_, Slot<T>> {
        // A preparation that panicked leaves the slot unknown, which is true.
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

/// What a cache would take, to be shown before it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheEstimate {
    /// Number of cases.
    pub cases: usize,
    /// Bytes of all items.
    pub bytes: usize,
    /// Bytes that may be kept.
    pub budget: usize,
    /// Number of cases that fit when they are asked for in order.
    pub kept_cases: usize,
}

impl CacheEstimate {
    /// The estimate for items of these sizes (bytes).
    pub fn new(sizes: &[usize], budget: usize) -> Self {
        let mut left = budget;
        let mut kept_cases = 0;
        for &size in sizes {
            if let Some(rest) = left.checked_sub(size) {
                left = rest;
                kept_cases += 1;
            }
        }
        let bytes = sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(size));
        Self { cases: sizes.len(), bytes, budget, kept_cases }
    }

    /// Whether everything can be kept.
    pub fn fits(&self) -> bool {
        self.kept_cases == self.cases
    }
}

impl fmt::Display for CacheEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let noun = if self.cases == 1 { "case" } else { "cases" };
        write!(f, "{} {noun} of {:.1} MiB in all", self.cases, mebibytes(self.bytes))?;
        if self.fits() {
            return write!(f, ", kept in memory");
        }
        let (kept, streamed) = (self.kept_cases, self.cases - self.kept_cases);
        let budget = mebibytes(self.budget);
        write!(f, ", of which {kept} fit {budget:.1} MiB of memory and {streamed} are prepared anew each time")
    }
}
