//! Values that begin with a cache line.

use std::ops::{Deref, DerefMut};

use super::Buffer;

/// Values of a cache line.
const LINE: usize = 16;

/// A [`Buffer`] whose first value begins a cache line, wherever its memory came from.
#[derive(Debug)]
pub(crate) struct Aligned {
    buffer: Buffer,
    skipped: usize,
    len: usize,
}

impl Aligned {
    /// `len` values, in no particular state.
    pub fn new(len: usize) -> Self {
        let buffer = Buffer::new(len + LINE - 1);
        let skipped = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Self { buffer, skipped, len }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut values = Self::new(len);
        values.fill(0.0);
        values
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[self.skipped..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[self.skipped..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_ones_begin_with_a_cache_line() {
        for len in [0, 1, 15, 100, 1 << 14, 100_000, (1 << 20) + 1] {
            let held: Vec<Aligned> = (0..5).map(|_| Aligned::zeros(len)).collect();
            assert!(held.iter().all(|values| values.len() == len && values.as_ptr().addr().is_multiple_of(64)));
        }
    }
}
