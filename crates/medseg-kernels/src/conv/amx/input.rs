//! Packing of input.

use std::ops::Range;

use crate::conv::direct::Geometry;
use crate::conv::shared::SharedSlice;
use crate::conv::source::{Channel, Source};
use crate::conv::words;

/// Rows of packed input: `[plane][row][word][position]`, padded with zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    pub geometry: Geometry,
    /// Words of a voxel.
    pub words: usize,
    /// Rows of a plane.
    pub rows: usize,
    /// Values from one row of positions to the next: whole cache lines, so that rows differ in their place in the cache.
    pub stride: usize,
}

/// Buffers of one thread.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: [Vec<f32>; 2],
    half: Vec<f32>,
}

impl Packed {
    pub fn new(geometry: Geometry, words: usize, rows: usize) -> Self {
        /// Values of a cache line.
        const LINE: usize = 16;
        let lines = (geometry.input[2] + 2 * geometry.padding[2]).div_ceil(LINE);
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

    /// Packs some words of plane `z` of the padded input, from its row `y` on, to the plane of `to` that begins at `at`.
    ///
    /// # Safety
    /// No other task uses these words of this plane.
    #[allow(clippy::too_many_arguments, reason = "the place in the input, and that in the packed one")]
    pub unsafe fn plane_of(
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
                match (z, y) {
                    (Some(z), Some(y)) => self.row(even, odd, x.channels() == 1, [z, y], to, scratch),
                    _ => to.fill(0.0),
                }
            }
        }
    }

    /// Packs one row of a word, with the zeros around.
    fn row(
        &self,
        even: Channel<'_>,
        odd: Option<Channel<'_>>,
        divided: bool,
        [z, y]: [usize; 2],
        to: &mut [f32],
        Scratch { rows: [even_row, odd_row], half }: &mut Scratch,
    ) {
        let (left, width) = (self.geometry.padding[2], self.geometry.input[2]);
        to[..left].fill(0.0);
        to[left + width..].fill(0.0);
        let to = &mut to[left..left + width];
        if let (Some((a, a_scale)), Some((b, b_scale))) =
            (even.scaled(z, y), odd.as_ref().and_then(|odd| odd.scaled(z, y)))
        {
            return words::pack_scaled(a, b, [a_scale, b_scale], to);
        }
        let mut read = |channel: Channel<'_>, row: &mut Vec<f32>| {
            row.resize(width, 0.0);
            channel.row(z, y, row, half);
        };
        read(even, even_row);
        match odd {
            Some(odd) => {
                read(odd, odd_row);
                words::pack(even_row, odd_row, to);
            }
            None if divided => words::divide(even_row, to),
            None => {
                odd_row.clear();
                odd_row.resize(width, 0.0);
                words::pack(even_row, odd_row, to);
            }
        }
    }
}
