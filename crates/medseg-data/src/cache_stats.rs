//! Which ways to an item were taken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use medseg_volume::error_chain;

use crate::DataError;

/// Counts of the ways on which a [`CachedDataset`](crate::CachedDataset) came to its items.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Items that were kept in memory.
    pub from_memory: usize,
    /// Items read from the disk.
    pub from_disk: usize,
    /// Preparations, failed ones among them.
    pub prepared: usize,
    /// Entries of the disk that were damaged, and were prepared anew.
    pub damaged: usize,
    /// The first thing that went wrong with the disk; its item was not kept there.
    pub disk_error: Option<String>,
}

/// [`CacheStats`] under way.
#[derive(Default)]
pub(crate) struct Counters {
    from_memory: AtomicUsize,
    from_disk: AtomicUsize,
    prepared: AtomicUsize,
    damaged: AtomicUsize,
    disk_error: Mutex<Option<String>>,
}

impl Counters {
    pub fn count_memory(&self) {
        self.from_memory.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_disk(&self) {
        self.from_disk.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_prepared(&self) {
        self.prepared.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    pub fn note_disk_error(&self, error: &DataError) {
        let mut first = self.disk_error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error_chain(error));
    }

    pub fn read(&self) -> CacheStats {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        CacheStats {
            from_memory: count(&self.from_memory),
            from_disk: count(&self.from_disk),
            prepared: count(&self.prepared),
            damaged: count(&self.damaged),
            disk_error: self.disk_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
