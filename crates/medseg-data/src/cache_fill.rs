//! Filling a cache on several threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::DataError;
use crate::cache::CachedDataset;

/// Progress of [`CachedDataset::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillProgress {
    /// Cases that are done.
    pub done: usize,
    /// Cases in all.
    pub cases: usize,
    /// Bytes kept in memory.
    pub kept_bytes: usize,
}

impl<T: Send + Sync> CachedDataset<T> {
    /// Prepares the cases on `threads` threads, at least one, and tells of each on the calling thread.
    ///
    /// Without a disk it stops at the first case that does not fit the memory, as the others would be prepared in vain.
    ///
    /// # Errors
    /// That of the first case, by index, whose preparation failed; the cases under way are finished, no other is begun.
    pub fn fill(&self, threads: usize, progress: &mut dyn FnMut(FillProgress)) -> Result<(), DataError> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (sender, finished) = channel();
        let work = |sender: Sender<(usize, Option<DataError>)>| {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.len() {
                    return;
                }
                let error = self.get(index).err();
                if error.is_some() || (self.is_streamed(index) && !self.has_disk()) {
                    stop.store(true, Ordering::Relaxed);
                }
                // The receiver lives as long as the threads.
                let _ = sender.send((index, error));
            }
        };
        let mut first: Option<(usize, DataError)> = None;
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(1, self.len().max(1)) {
                let (work, sender) = (&work, sender.clone());
                scope.spawn(move || work(sender));
            }
            // The threads have the only senders left, so the loop ends with them.
            drop(sender);
            for (done, (index, error)) in finished.iter().enumerate() {
                progress(FillProgress { done: done + 1, cases: self.len(), kept_bytes: self.kept_bytes() });
                // Cases begin in order, so the first one that fails has begun before any other could stop it.
                if let Some(error) = error.filter(|_| first.as_ref().is_none_or(|(other, _)| index < *other)) {
                    first = Some((index, error));
                }
            }
        });
        first.map_or(Ok(()), |(_, error)| Err(error))
    }
}
