//! An output that several tasks write disjoint parts of.

use std::marker::PhantomData;

/// A mutable slice shared between tasks, borrowed for as long as this lives.
pub(crate) struct SharedSlice<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: whoever gets to values, by `part` or `pointer`, promises that no other task uses the same ones.
unsafe impl Send for SharedSlice<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice<'_> {}

impl<'a> SharedSlice<'a> {
    /// Takes the slice for as long as the tasks run.
    pub fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// The place of `len` values from `at`.
    ///
    /// # Panics
    /// If they are not inside the slice.
    pub fn pointer(&self, at: usize, len: usize) -> *mut f32 {
        assert!(at <= self.len && len <= self.len - at, "outside the shared slice");
        // SAFETY: inside the slice by the assertion.
        unsafe { self.start.add(at) }
    }

    /// `len` values from `at`.
    ///
    /// # Safety
    /// No other task may use any of these values as long as the result lives.
    ///
    /// # Panics
    /// If they are not inside the slice.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn part(&self, at: usize, len: usize) -> &mut [f32] {
        // SAFETY: inside the slice, as `pointer` asserts, and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(at, len), len) }
    }
}
