//! Writing past the caches.

/// Copies values that nobody reads soon: whole cache lines go to memory, without being read before they are overwritten.
///
/// [`finish`] must follow before another thread reads them.
pub(crate) fn copy(from: &[f32], to: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_stream_ps};
        /// Values of a cache line.
        const LINE: usize = 16;
        assert_eq!(from.len(), to.len(), "values");
        if to.as_ptr().addr().is_multiple_of(LINE * size_of::<f32>()) && to.len().is_multiple_of(LINE) {
            for (from, to) in from.chunks_exact(4).zip(to.chunks_exact_mut(4)) {
                // SAFETY: every x86-64 has the instructions, both slices have four values, and `to` is aligned.
                unsafe { _mm_stream_ps(to.as_mut_ptr(), _mm_loadu_ps(from.as_ptr())) };
            }
            return;
        }
    }
    to.copy_from_slice(from);
}

/// Makes what [`copy`] wrote visible to other threads before anything that this thread writes from now on.
pub(crate) fn finish() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, which changes no values.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_arrive_wherever_they_go() {
        let from: Vec<f32> = (0..200).map(|n| n as f32).collect();
        for (start, len) in [(0, 0), (0, 64), (1, 64), (16, 48), (3, 7), (0, 200)] {
            let mut to = vec![0.0; start + len];
            super::copy(&from[..len], &mut to[start..]);
            super::finish();
            assert!(to[start..] == from[..len]);
        }
    }
}
