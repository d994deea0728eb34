//! Memory for tensors that is used again and again.
//!
//! A map of 16 channels at 128³ voxels has 128 MiB. Fresh from the system, its pages cost several times what filling them
//! costs, and every forward pass asks for the same sizes again. So what a dropped tensor leaves is kept for the next one
//! of about its size; together with what is in use it never takes more than was once in use at the same time.

use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

/// Values below which a buffer comes from the allocator, which keeps small blocks by itself.
const LEAST: usize = 1 << 14;

/// Gives the memory that dropped tensors of the CPU kernels left behind back to the system.
///
/// It is kept otherwise, up to what was in use at the same time, for the tensors to come. Call this after a prediction
/// or a training in a program that goes on with other things.
pub fn release_memory() {
    let mut store = store();
    store.peak = store.used;
    store.idle.clear();
}

static STORE: Mutex<Store> = Mutex::new(Store { idle: Vec::new(), used: 0, peak: 0 });

fn store() -> MutexGuard<'static, Store> {
    // Its numbers are changed without a panic in between, so they are right after one elsewhere.
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is idle, and how much is in use; in values.
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
pub(crate) struct Buffer {
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
        // Zeros from the system cost nothing until they are touched.
        Self { values: found.unwrap_or_else(|| vec![0.0; len]), len }
    }

    /// As the bytes of a tensor; the memory comes back when the tensor is dropped.
    pub fn into_bytes(mut self) -> Bytes {
        if self.values.len() < LEAST {
            return Bytes::from_elems(std::mem::take(&mut self.values));
        }
        let len = size_of::<f32>() * self.len;
        // SAFETY: the buffer holds `self.len` initialised values, so at least `len` initialised bytes.
        unsafe { Bytes::from_controller(Box::new(self), len) }
    }
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

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Native
    }

    unsafe fn memory_mut(&mut self, _policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let len = size_of::<f32>() * self.values.len();
        // SAFETY: the vector's own memory, borrowed as long as it; the caller promises to write initialised bytes alone,
        // and any bytes are an f32.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.values.as_mut_ptr().cast(), len) })
    }

    fn try_detach(&mut self) -> Option<NonNull<u8>> {
        if self.values.len() != self.values.capacity() {
            return None;
        }
        let mut values = ManuallyDrop::new(std::mem::take(&mut self.values));
        store().used -= values.len();
        NonNull::new(values.as_mut_ptr().cast())
    }

    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let len = size_of::<f32>() * self.values.len();
        // SAFETY: the vector's own memory, borrowed as long as it.
        Ok(unsafe { std::slice::from_raw_parts(self.values.as_ptr().cast(), len) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_s_bytes_are_its_values_and_its_memory_comes_back() {
        // A size that no other test asks for.
        let len = LEAST + 4321;
        let mut buffer = Buffer::new(len);
        buffer.iter_mut().enumerate().for_each(|(n, v)| *v = n as f32);
        let bytes = buffer.into_bytes();
        assert_eq!(bytes.len(), 4 * len);
        assert!(bytes.chunks_exact(4).enumerate().all(|(n, b)| b == (n as f32).to_ne_bytes()));
        let copy = bytes.clone();
        assert_eq!(&copy[..], &bytes[..]);
        drop(bytes);
        let again = Buffer::new(len - 1000);
        assert_eq!(again.len(), len - 1000);
        // Bytes that become a vector take their memory with them.
        let mut kept = Buffer::new(len);
        kept.fill(2.0);
        assert!(kept.into_bytes().try_into_vec::<f32>().is_ok_and(|v| v == vec![2.0; len]));
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
