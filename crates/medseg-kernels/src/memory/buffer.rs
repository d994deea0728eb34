//! Memory for tensors that is used again and again.
//!
//! A map of 16 channels at 128³ voxels has 128 MiB. Fresh from the system, its pages cost several times what filling them
//! costs, and every forward pass asks for the same sizes again. So what a dropped tensor leaves is kept for the next one
//! of about its size; together with what is in use it never takes more than was once in use at the same time.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::large_pages;

/// Values below which a buffer comes from the allocator, which keeps small blocks by itself.
const LEAST: usize = 1 << 14;

/// Gives the idle memory back to the system.
pub fn release() {
    let mut store = store();
    store.peak = store.used;
    store.idle.clear();
}

static STORE: Mutex<Store> = Mutex::new(Store { idle: Vec::new(), used: 0, peak: 0 });

fn store() -> MutexGuard<'static, Store> {
    // Its numbers are changed without a panic in between, so they are right after one elsewhere.
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Idle memory, and the amount in use; in values.
struct Store {
    idle: Vec<Vec<f32>>,
    used: usize,
    peak: usize,
}

impl Store {
    /// The smallest idle vector of at least `len` values, and not much more.
    fn find(&mut self, len: usize) -> Option<Vec<f32>> {
        let fitting = |v: &Vec<f32>| v.len() >= len && v.len() <= len + len / 4;
        let (at, _) = self.idle.iter().enumerate().filter(|(_, v)| fitting(v)).min_by_key(|(_, v)| v.len())?;
        Some(self.idle.swap_remove(at))
    }

    /// Notes that `len` more values are in use and drops the oldest idle vectors that the peak has no room for.
    fn note(&mut self, len: usize) -> Vec<Vec<f32>> {
        self.used += len;
        self.peak = self.peak.max(self.used);
        let mut idle: usize = self.idle.iter().map(Vec::len).sum();
        let mut dropped = Vec::new();
        while self.used + idle > self.peak && !self.idle.is_empty() {
            let vector = self.idle.remove(0);
            idle -= vector.len();
            dropped.push(vector);
        }
        dropped
    }
}

/// Values of a tensor to be: whatever was there before, until they are written.
#[derive(Debug)]
pub struct Buffer {
    values: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// `len` values, in no particular state.
    pub fn new(len: usize) -> Self {
        if len < LEAST {
            return Self { values: vec![0.0; len], len };
        }
        let mut store = store();
        let found = store.find(len);
        let dropped = store.note(found.as_ref().map_or(len, Vec::len));
        drop(store);
        drop(dropped);
        Self { values: found.unwrap_or_else(|| fresh(len)), len }
    }

    /// Everything it holds, more than asked for where it was used before.
    pub fn whole(&self) -> &[f32] {
        &self.values
    }

    /// As [`whole`](Self::whole), to be changed.
    pub fn whole_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Takes the vector out for good.
    pub fn detach(&mut self) -> Vec<f32> {
        let values = std::mem::take(&mut self.values);
        if values.len() >= LEAST {
            store().used -= values.len();
        }
        values
    }
}

/// Zeros from the system, which cost nothing until they are touched.
fn fresh(len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    large_pages::prefer(&mut values);
    values
}

impl From<Vec<f32>> for Buffer {
    fn from(values: Vec<f32>) -> Self {
        let len = values.len();
        if len >= LEAST {
            drop(store().note(len));
        }
        Self { values, len }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.values.len() >= LEAST {
            let values = std::mem::take(&mut self.values);
            let mut store = store();
            store.used -= values.len();
            store.idle.push(values);
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_unless_it_is_detached() {
        // A size that no other test asks for.
        let len = LEAST + 7531;
        let mut buffer = Buffer::new(len);
        buffer.fill(3.0);
        drop(buffer);
        let mut again = Buffer::new(len - 1000);
        assert_eq!((again.len(), again.whole().len() >= again.len()), (len - 1000, true));
        assert!(again.detach().len() >= len - 1000);
        assert!(again.whole().is_empty());
    }

    #[test]
    fn idle_and_used_memory_stay_below_the_peak() {
        let mut store = Store { idle: Vec::new(), used: 0, peak: 0 };
        store.note(100);
        store.used -= 100;
        store.idle.push(vec![0.0; 100]);
        assert!(store.find(101).is_none() && store.find(79).is_none());
        // Another size of the same total: the idle vector must go.
        assert_eq!(store.note(60).len(), 1);
        assert_eq!((store.used, store.peak, store.idle.len()), (60, 100, 0));
        store.idle.push(vec![0.0; 40]);
        assert_eq!(store.find(40).map(|v| v.len()), Some(40));
    }
}
