//! The output's gradient in the transformed domain, with channels side by side.

use super::POINTS;
use super::regions::{Cut, Region};
use crate::isa::{Isa, Lanes, on_isa};

/// Transforms the gradients of one block of output channels, as many as a vector has values, into
/// `to` [POINTS][positions][block]: zeros for channels beyond the last, outside the volume and between the rows. `block`
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
    assert!(block.len() <= lanes && to.len() >= POINTS * positions * lanes);
    assert!(cut.rows(of) <= positions && width <= stride);
    scratch.clear();
    scratch.resize(4 * width * lanes, 0.0);
    for tile in 0..of.tiles[0] * of.tiles[1] {
        let first = [of.first[0] + tile / of.tiles[1] * 2, of.first[1] + tile % of.tiles[1] * 2];
        for (half, rows) in scratch.chunks_exact_mut(width * lanes).enumerate() {
            let (z, y) = (first[0] + half / 2, first[1] + half % 2);
            if z >= depth || y >= height {
                rows.fill(0.0);
                continue;
            }
            for (lane, channel) in block.iter().enumerate() {
                let row = &channel[(z * height + y) * width..][..width];
                for (slot, value) in rows[lane..].iter_mut().step_by(lanes).zip(row) {
                    *slot = *value;
                }
            }
        }
        let (from, to) = (scratch.as_ptr(), to[tile * stride * lanes..].as_mut_ptr());
        on_isa!(isa, transform_rows(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize));
    }
    // What lies after the last row.
    let end = cut.rows(of) * lanes;
    for point in to.chunks_exact_mut(positions * lanes).take(POINTS) {
        point[end..].fill(0.0);
    }
}

/// Transforms one tile's rows and writes the positions between this row and the next as zeros.
///
/// # Safety
/// `from` is readable for 4 · `width` vectors; `to` writable for `stride` vectors, `width` of them values, at each of 16
/// points, `positions` vectors from one to the next; the processor has V's instructions.
#[inline(always)]
unsafe fn transform_rows<V: Lanes>(from: *const f32, width: usize, stride: usize, to: *mut f32, positions: usize) {
    // SAFETY: the pointers' reach is the caller's promise.
    unsafe {
        for x in 0..width {
            let row = |n: usize| V::load(from.add((n * width + x) * V::WIDTH));
            let (low, high) = (along(row(0), row(1)), along(row(2), row(3)));
            for y in 0..4 {
                for (z, value) in along(low[y], high[y]).into_iter().enumerate() {
                    value.store(to.add(((z * 4 + y) * positions + x) * V::WIDTH));
                }
            }
        }
        for point in 0..POINTS {
            for x in width..stride {
                V::zero().store(to.add((point * positions + x) * V::WIDTH));
            }
        }
    }
}

/// # Safety
/// The processor has V's instructions.
#[inline(always)]
unsafe fn along<V: Lanes>(a: V, b: V) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe { [a, a.add(b), a.sub(b), V::zero().sub(b)] }
}
