//! An output that several tasks write disjoint parts of.

/// A mutable slice shared between tasks.
pub(super) struct SharedSlice {
    start: *mut f32,
    len: usize,
}

// SAFETY: `rows` is the only access, and its callers promise that no two tasks write the same values.
unsafe impl Send for SharedSlice {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice {}

impl SharedSlice {
    /// Takes the slice for as long as the tasks run; the caller keeps the borrow alive around them.
    pub fn new(slice: &mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len() }
    }

    /// `len` values from `at`.
    ///
    /// # Safety
    /// No other task may use any of these values at the same time, and the slice must still be borrowed.
    ///
    /// # Panics
    /// If they are not inside the slice.
    #[allow(clippy::mut_from_ref, reason = "disjointness is the caller's promise")]
    pub unsafe fn part(&self, at: usize, len: usize) -> &mut [f32] {
        assert!(at <= self.len && len <= self.len - at, "outside the shared slice");
        // SAFETY: inside the slice by the assertion, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}
