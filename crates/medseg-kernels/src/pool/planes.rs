//! Maxima along width, then height, then depth: the three loops of max-pooling.
//!
//! The first maximum of the first row of the first plane is the first in scan order, so pooling one axis after the
//! other, innermost first, finds the same voxel as a scan of the whole window. `NUMBERED` says that the number of
//! that voxel within its window is wanted too.

use super::MaxPool3d;
use crate::isa::{LINE, ahead_of, vectorised};

/// Pools the planes of one channel, remembering those of the last window.
pub(crate) struct PlanePool<'a, const NUMBERED: bool> {
    channel: &'a [f32],
    shape: [usize; 3],
    output_shape: [usize; 2],
    window: MaxPool3d,
    /// Input plane `z`, pooled along height and width, lies in slot `z % kernel`.
    slots: Vec<Slot>,
    /// One input plane pooled along width alone.
    rows: Slot,
}

/// A pooled plane: maxima and, if wanted, the numbers of their voxels.
struct Slot {
    plane: Option<usize>,
    best: Vec<f32>,
    at: Vec<u8>,
}

impl Slot {
    fn new(len: usize, numbered: bool) -> Self {
        Self { plane: None, best: vec![0.0; len], at: vec![0; if numbered { len } else { 0 }] }
    }
}

impl<'a, const NUMBERED: bool> PlanePool<'a, NUMBERED> {
    /// For a channel of `shape` `[depth, height, width]`.
    pub(crate) fn new(channel: &'a [f32], shape: [usize; 3], window: MaxPool3d) -> Self {
        let [_, height, width] = shape;
        let output_shape = [window.count(height), window.count(width)];
        let plane = output_shape[0] * output_shape[1];
        let slots = (0..window.kernel).map(|_| Slot::new(plane, NUMBERED)).collect();
        Self { channel, shape, output_shape, window, slots, rows: Slot::new(height * output_shape[1], NUMBERED) }
    }

    /// Writes output plane `number` to `best`, the numbers of the voxels to `at` (empty unless `NUMBERED`).
    pub(crate) fn plane(&mut self, number: usize, best: &mut [f32], at: &mut [u8]) {
        let kernel = self.window.kernel;
        let (first, taps) = self.window.taps(number, self.shape[0]);
        for (z, tap) in (first..).zip(taps.clone()) {
            self.pool_plane(z);
            let slot = &self.slots[z % kernel];
            let offset = (tap * kernel * kernel) as u8;
            if tap == taps.start {
                begin::<NUMBERED>(best, at, &slot.best, &slot.at, offset);
            } else {
                merge::<NUMBERED>(best, at, &slot.best, &slot.at, offset);
            }
        }
    }

    /// Pools input plane `z` along width and height into its slot, unless it is there already.
    fn pool_plane(&mut self, z: usize) {
        let Self { channel, shape: [_, height, width], output_shape: [out_height, out_width], window, slots, rows } =
            self;
        let (height, width, out_width) = (*height, *width, *out_width);
        let slot = &mut slots[z % window.kernel];
        if slot.plane == Some(z) {
            return;
        }
        slot.plane = Some(z);
        for y in 0..height {
            let row = &channel[(z * height + y) * width..][..width];
            let at = row_of::<NUMBERED>(&mut rows.at, y, out_width);
            row_maxima::<NUMBERED>(row, &mut rows.best[y * out_width..][..out_width], at, *window);
        }
        for number in 0..*out_height {
            let (first, taps) = window.taps(number, height);
            let best = &mut slot.best[number * out_width..][..out_width];
            let at = row_of::<NUMBERED>(&mut slot.at, number, out_width);
            for (y, tap) in (first..).zip(taps.clone()) {
                let row = &rows.best[y * out_width..][..out_width];
                let row_at = if NUMBERED { &rows.at[y * out_width..][..out_width] } else { &[] };
                let offset = (tap * window.kernel) as u8;
                if tap == taps.start {
                    begin::<NUMBERED>(best, at, row, row_at, offset);
                } else {
                    merge::<NUMBERED>(best, at, row, row_at, offset);
                }
            }
        }
    }
}

/// Row `number` of a plane of voxel numbers, empty unless they are wanted.
fn row_of<const NUMBERED: bool>(at: &mut [u8], number: usize, width: usize) -> &mut [u8] {
    if NUMBERED { &mut at[number * width..][..width] } else { &mut [] }
}

vectorised! {
    /// Takes over a row, its voxel numbers raised by `offset`.
    fn begin<const NUMBERED: bool>(best: &mut [f32], at: &mut [u8], row: &[f32], row_at: &[u8], offset: u8) {
        best.copy_from_slice(row);
        if NUMBERED {
            for (at, &from) in at.iter_mut().zip(row_at) {
                *at = from + offset;
            }
        }
    }

    /// Takes from a row what is larger, or not a number.
    fn merge<const NUMBERED: bool>(best: &mut [f32], at: &mut [u8], row: &[f32], row_at: &[u8], offset: u8) {
        if NUMBERED {
            for (((best, at), &value), &from) in best.iter_mut().zip(at).zip(row).zip(row_at) {
                let better = exceeds(value, *best);
                *best = if better { value } else { *best };
                *at = if better { from + offset } else { *at };
            }
        } else {
            for (best, &value) in best.iter_mut().zip(row) {
                *best = if exceeds(value, *best) { value } else { *best };
            }
        }
    }

    /// Pools one row along the width.
    fn row_maxima<const NUMBERED: bool>(row: &[f32], best: &mut [f32], at: &mut [u8], window: MaxPool3d) {
        let MaxPool3d { kernel, stride, padding } = window;
        row.as_chunks::<LINE>().0.iter().for_each(ahead_of);
        // Windows wholly inside the row; those before and after reach into the padding.
        let end = if row.len() + padding >= kernel { (row.len() + padding - kernel) / stride + 1 } else { 0 };
        let end = end.min(best.len());
        let start = padding.div_ceil(stride).min(end);
        for number in (0..start).chain(end..best.len()) {
            let (first, taps) = window.taps(number, row.len());
            let (value, tap) = scan(&row[first..][..taps.len()]);
            best[number] = value;
            if NUMBERED {
                at[number] = taps.start as u8 + tap;
            }
        }
        if start == end {
            return;
        }
        let inside = &row[start * stride - padding..];
        let best = &mut best[start..end];
        let at = if NUMBERED { &mut at[start..end] } else { at };
        match (kernel, stride) {
            (2, 2) => inner_maxima::<NUMBERED, 2, 2>(inside, best, at),
            (3, 2) => inner_maxima::<NUMBERED, 3, 2>(inside, best, at),
            _ => {
                for (number, best) in best.iter_mut().enumerate() {
                    let (value, tap) = scan(&inside[number * stride..][..kernel]);
                    *best = value;
                    if NUMBERED {
                        at[number] = tap;
                    }
                }
            }
        }
    }
}

/// Windows of a fixed size that do not reach into the padding; window 0 begins at `row[0]`.
#[inline(always)]
fn inner_maxima<const NUMBERED: bool, const KERNEL: usize, const STRIDE: usize>(
    row: &[f32],
    best: &mut [f32],
    at: &mut [u8],
) {
    let row = &row[..(best.len() - 1) * STRIDE + KERNEL];
    for (number, best) in best.iter_mut().enumerate() {
        let mut value = row[number * STRIDE];
        let mut tap = 0;
        for candidate in 1..KERNEL {
            let other = row[number * STRIDE + candidate];
            let better = exceeds(other, value);
            value = if better { other } else { value };
            tap = if better { candidate as u8 } else { tap };
        }
        *best = value;
        if NUMBERED {
            at[number] = tap;
        }
    }
}

/// First maximum of a window's row and its place.
#[inline(always)]
fn scan(row: &[f32]) -> (f32, u8) {
    let (mut value, mut tap) = (row[0], 0);
    for (number, &other) in row.iter().enumerate().skip(1) {
        if exceeds(other, value) {
            (value, tap) = (other, number as u8);
        }
    }
    (value, tap)
}

/// True if a later voxel replaces the maximum so far: a tie leaves the first, a NaN always wins.
#[inline(always)]
fn exceeds(value: f32, best: f32) -> bool {
    (value > best) | value.is_nan()
}
