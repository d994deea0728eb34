//! Packing of input.

use std::ops::Range;

use super::rows::{Scratch, pack};
use crate::conv::direct::Geometry;
use crate::conv::shared::SharedSlice;
use crate::conv::source::Source;

/// Rows of packed input: `[plane][row][word][position]`, with rows and planes of zeros where the padding is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub geometry: Geometry,
    /// Words of a voxel.
    pub words: usize,
    /// Rows of a plane.
    pub rows: usize,
    /// Values from one row of positions to the next: whole tiles, and zeros after the last position.
    pub stride: usize,
}

impl Packed {
    pub fn new(geometry: Geometry, words: usize, rows: usize) -> Self {
        /// Values of a cache line.
        const LINE: usize = 16;
        let lines = geometry.input[2].div_ceil(LINE);
        // Rows that are a multiple of eight lines apart would share an eighth of the first-level cache.
        let stride = if lines.is_multiple_of(8) { lines + 1 } else { lines } * LINE;
        Self { geometry, words, rows, stride }
    }

    /// Values of one plane.
    pub fn plane(&self) -> usize {
        self.rows * self.words * self.stride
    }

    /// Rows that fit into so many values, of so many planes; those of one output row at least.
    pub fn fitting(&self, values: usize, planes: usize) -> usize {
        (values / (planes * self.words * self.stride)).max(self.geometry.kernel[1])
    }

    /// Asks for the input of plane `z` of the padded input, rows from `y` on: the rows of all channels, in `parts` turns of
    /// which this is `part`.
    pub fn prefetch(&self, x: &Source<'_>, sample: usize, [z, y]: [usize; 2], part: usize, parts: usize) {
        let Geometry { input: [depth, height, _], padding, .. } = self.geometry;
        let Some(z) = z.checked_sub(padding[0]).filter(|z| *z < depth) else { return };
        let all = x.channels() * self.rows;
        for n in part * all / parts..(part + 1) * all / parts {
            if let Some(y) = (y + n % self.rows).checked_sub(padding[1]).filter(|y| *y < height) {
                x.channel(sample, n / self.rows).prefetch_for_later(z, y);
            }
        }
    }

    /// Packs some words of plane `z` of the padded input, from its row `y` on, to the plane of `to` that begins at `at`.
    ///
    /// # Safety
    /// No other task uses these words of this plane.
    #[allow(clippy::too_many_arguments, reason = "the place in the input, and that in the packed one")]
    pub unsafe fn pack(
        &self,
        x: &Source<'_>,
        sample: usize,
        [z, y]: [usize; 2],
        words: Range<usize>,
        to: &SharedSlice<'_>,
        at: usize,
        scratch: &mut Scratch,
    ) {
        let Geometry { input: [depth, height, _], padding, .. } = self.geometry;
        let z = z.checked_sub(padding[0]).filter(|z| *z < depth);
        for word in words {
            let even = x.channel(sample, 2 * word);
            let odd = (2 * word + 1 < x.channels()).then(|| x.channel(sample, 2 * word + 1));
            for row in 0..self.rows {
                // SAFETY: the words are the caller's.
                let to = unsafe { to.part(at + (row * self.words + word) * self.stride, self.stride) };
                let y = (y + row).checked_sub(padding[1]).filter(|y| *y < height);
                let (Some(z), Some(y)) = (z, y) else {
                    to.fill(0.0);
                    continue;
                };
                let (row, rest) = to.split_at_mut(self.geometry.input[2]);
                pack(
                    even.stored_row(z, y),
                    odd.as_ref().map(|odd| odd.stored_row(z, y)),
                    x.channels() == 1,
                    row,
                    scratch,
                );
                rest.fill(0.0);
            }
        }
    }
}
