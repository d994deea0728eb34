//! The output's gradient in the transformed domain, with channels side by side.

use super::axis;
use super::regions::{Cut, Region};
use crate::isa::{Isa, Lanes, WIDEST, on_isa};

/// Transforms the gradients of one block of output channels, as many as a vector has values, into
/// `to` [point][positions][block]: zeros for channels beyond the last, outside the volume and between the rows. `block`
/// holds the channels' volumes; `scratch` is a buffer.
pub(crate) fn transform(
    isa: Isa,
    cut: &Cut,
    of: &Region,
    block: &[&[f32]],
    positions: usize,
    scratch: &mut Vec<f32>,
    to: &mut [f32],
) {
    let (lanes, stride, [depth, height, width]) = (isa.lanes(), cut.stride(), cut.output);
    let (size, points) = (cut.tile.rows(), cut.tile.points());
    assert!(cut.tile.deep() && block.len() <= lanes && to.len() >= points * positions * lanes);
    assert!(cut.rows(of) <= positions && width <= stride);
    scratch.clear();
    scratch.resize(size * size * width * lanes, 0.0);
    for tile in 0..of.tiles[0] * of.tiles[1] {
        let first = [of.first[0] + tile / of.tiles[1] * size, of.first[1] + tile % of.tiles[1] * size];
        for (place, rows) in scratch.chunks_exact_mut(width * lanes).enumerate() {
            let (z, y) = (first[0] + place / size, first[1] + place % size);
            if z >= depth || y >= height {
                rows.fill(0.0);
                continue;
            }
            let at = (z * height + y) * width;
            // Some positions of all channels at a time, which stay in the first-level cache.
            for (part, rows) in rows.chunks_mut(WIDEST * lanes).enumerate() {
                let first = at + part * WIDEST;
                for (lane, channel) in block.iter().enumerate() {
                    let row = &channel[first..][..rows.len() / lanes];
                    for (slot, value) in rows[lane..].iter_mut().step_by(lanes).zip(row) {
                        *slot = *value;
                    }
                }
            }
        }
        let (from, to) = (scratch.as_ptr(), to[tile * stride * lanes..].as_mut_ptr());
        match size {
            2 => {
                on_isa!(isa, rows_of_two(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize))
            }
            _ => {
                on_isa!(isa, rows_of_four(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize))
            }
        }
    }
    // What lies after the last row.
    let end = cut.rows(of) * lanes;
    for point in to.chunks_exact_mut(positions * lanes).take(points) {
        point[end..].fill(0.0);
    }
}

/// Transforms one tile's rows and writes the positions between this row and the next as zeros.
///
/// # Safety
/// `from` is readable for M · M · `width` vectors; `to` writable for `stride` vectors, `width` of them values, at each of
/// N · N points, `positions` vectors from one to the next; the processor has V's instructions.
#[inline(always)]
unsafe fn transform_rows<V: Lanes, const N: usize, const M: usize>(
    from: *const f32,
    width: usize,
    stride: usize,
    to: *mut f32,
    positions: usize,
) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        for x in 0..width {
            let from = from.add(x * V::WIDTH);
            let mut planes = [[V::zero(); N]; M];
            for (z, plane) in planes.iter_mut().enumerate() {
                let mut rows = [V::zero(); M];
                for (y, row) in rows.iter_mut().enumerate() {
                    *row = V::load(from.add((z * M + y) * width * V::WIDTH));
                }
                *plane = axis::gradient::<V, N, M>(rows);
            }
            #[allow(clippy::needless_range_loop, reason = "a column, of which each plane has a value")]
            for y in 0..N {
                let mut column = [V::zero(); M];
                for (value, plane) in column.iter_mut().zip(&planes) {
                    *value = plane[y];
                }
                for (z, value) in axis::gradient::<V, N, M>(column).into_iter().enumerate() {
                    value.store(to.add(((z * N + y) * positions + x) * V::WIDTH));
                }
            }
        }
        for point in 0..N * N {
            for x in width..stride {
                V::zero().store(to.add((point * positions + x) * V::WIDTH));
            }
        }
    }
}

/// # Safety
/// As [`transform_rows`], of tiles of two rows.
#[inline(always)]
unsafe fn rows_of_two<V: Lanes>(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize) {
    // SAFETY: the caller's promise.
    unsafe { transform_rows::<V, 4, 2>(from, width, stride, to, positions) }
}

/// # Safety
/// As [`transform_rows`], of tiles of four rows.
#[inline(always)]
unsafe fn rows_of_four<V: Lanes>(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize) {
    // SAFETY: the caller's promise.
    unsafe { transform_rows::<V, 6, 4>(from, width, stride, to, positions) }
}
